/** What a guide begins with, as definitions. The gallery has the server's templates. */
import { BUILTINS } from './builtins';
import { emptyDefinition, ROOT, type JsonObject, type Place } from './definition';
import { addAction, setMember, setTrigger } from './edits';

const builtin = (id: string): JsonObject => BUILTINS.find((item) => item.id === id)?.step ?? {};
const TEXT = ['inputs', 'parameters', 'NotificationDefinition/notificationText'];

const onRequest = () => setTrigger(emptyDefinition(), 'When a web request is received', builtin('Request'));

function notify(definition: JsonObject, place: Place, after: string | null, text: string): JsonObject {
  const added = addAction(definition, { place, after }, 'Send me a mobile notification', builtin('SendNotification'));
  return setMember(added.definition, added.name, TEXT, text);
}

const TEMPLATES: { [name: string]: () => JsonObject } = {
  request: onRequest,
  push: () => notify(onRequest(), ROOT, null, '@{triggerBody()}'),
};

/** The definition of a template; an empty one where no template has that name. */
export const template = (name: string | undefined): JsonObject => (TEMPLATES[name ?? ''] ?? emptyDefinition)();

const REPOSITORY = "@{triggerBody()?['repository']?['full_name']}";
const SENDER = "@{triggerBody()?['sender']?['login']}";
const ACTION = "@{triggerBody()?['action']}";

/** What a message says about the events of the prebuilt connectors. */
const MESSAGES: { [operation: string]: string } = {
  WhenCommitsArePushed: `@{triggerBody()?['pusher']?['name']} → ${REPOSITORY}: @{triggerBody()?['head_commit']?['message']}`,
  WhenPullRequestChanges: `${REPOSITORY} #@{triggerBody()?['number']} ${ACTION}: @{triggerBody()?['pull_request']?['title']}`,
  WhenIssueChanges: `${REPOSITORY} #@{triggerBody()?['issue']?['number']} ${ACTION}: @{triggerBody()?['issue']?['title']}`,
  WhenCommentIsWritten: `${SENDER}, ${REPOSITORY} #@{triggerBody()?['issue']?['number']}: @{triggerBody()?['comment']?['body']}`,
  WhenReleaseIsPublished: `${REPOSITORY} @{triggerBody()?['release']?['tag_name']} ${ACTION}`,
  WhenWorkflowRunEnds: `${REPOSITORY} @{triggerBody()?['workflow_run']?['name']}: @{coalesce(triggerBody()?['workflow_run']?['conclusion'], triggerBody()?['action'])}`,
  WhenRepositoryIsStarred: `${SENDER} ★ ${REPOSITORY}`,
};

/** A message to the phone whenever a connector's trigger fires. `step` is the trigger, `operation` what it is about. */
export const notifyAbout = (title: string, step: JsonObject, operation: string): JsonObject =>
  notify(setTrigger(emptyDefinition(), title, step), ROOT, null, MESSAGES[operation] ?? '@{triggerBody()}');
