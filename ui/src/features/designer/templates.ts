/** Flows to start from. */
import { addAction } from '../../flow-model/edits';
import { BUILTINS } from '../../flow-model/builtins';
import { emptyDefinition, ROOT, type JsonObject } from '../../flow-model/definition';
import { setMember, setTrigger } from '../../flow-model/edits';
import type { Edited } from './state';

const builtin = (id: string): JsonObject => BUILTINS.find((item) => item.id === id)?.step ?? {};
const TEXT = ['inputs', 'parameters', 'NotificationDefinition/notificationText'];

export function template(name: string | undefined): Edited {
  let definition = emptyDefinition();
  const web = () => setTrigger(definition, 'When a web request is received', builtin('Request'));
  if (name === 'request') return { name: '', definition: web(), connections: {} };
  if (name === 'push') {
    const added = addAction(web(), { place: ROOT, after: null }, 'Send me a mobile notification', builtin('SendNotification'));
    return { name: '', definition: setMember(added.definition, added.name, TEXT, '@{triggerBody()}'), connections: {} };
  }
  if (name === 'condition') {
    const condition = addAction(web(), { place: ROOT, after: null }, 'Condition', builtin('If'));
    definition = setMember(condition.definition, condition.name, ['expression'], { and: [{ equals: ["@triggerBody()?['important']", true] }] });
    const added = addAction(definition, { place: ['actions', condition.name, 'actions'], after: null }, 'Send me a mobile notification', builtin('SendNotification'));
    return { name: '', definition: setMember(added.definition, added.name, TEXT, '@{triggerBody()}'), connections: {} };
  }
  if (name === 'schedule') {
    definition = setTrigger(definition, 'Recurrence', builtin('Recurrence'));
    const call = addAction(definition, { place: ROOT, after: null }, 'HTTP', builtin('Http'));
    const added = addAction(call.definition, { place: ROOT, after: call.name }, 'Send me a mobile notification', builtin('SendNotification'));
    return { name: '', definition: setMember(added.definition, added.name, TEXT, "@{body('HTTP')}"), connections: {} };
  }
  return { name: '', definition, connections: {} };
}
