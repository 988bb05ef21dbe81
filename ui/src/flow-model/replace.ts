/** Steps of connectors that are not here, made into steps that run without one. */
import { BUILTINS } from './builtins';
import { findAction, isObject, triggerOf, type Json, type JsonObject } from './definition';
import { replaceStep } from './edits';

/** What can stand in for a connector's action; a trigger becomes a web request. */
export const SUBSTITUTES = ['SendNotification', 'SendEmailNotification', 'Http', 'Compose'] as const;
export type Substitute = (typeof SUBSTITUTES)[number];

const stepOf = (id: string): JsonObject => BUILTINS.find((item) => item.id === id)?.step ?? {};

/** The likeliest one for an operation, by its name: what sends mail becomes a mail, what posts a message a notification. */
export function substituteFor(operation: string): Substitute {
  if (/mail/i.test(operation)) return 'SendEmailNotification';
  return /notif|message|post.*(channel|chat|conversation)|sms/i.test(operation) ? 'SendNotification' : 'Http';
}

/** The parameters of a connector's step, whichever way it calls. */
export function parametersOf(step: JsonObject): JsonObject {
  const inputs = step['inputs'];
  if (!isObject(inputs)) return {};
  if (isObject(inputs['parameters'])) return inputs['parameters'];
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => ['queries', 'body'].includes(name)));
}

/** All members of a JSON value by the last part of their name, outer ones first. */
function named(value: Json, found: [string, Json][] = [], depth = 0): [string, Json][] {
  if (depth > 6 || !isObject(value)) return found;
  for (const [name, member] of Object.entries(value)) {
    found.push([(name.split('/').pop() ?? name).toLowerCase(), member]);
    named(member, found, depth + 1);
  }
  return found;
}

/** The value whose name is the first of these that there is. */
function pick(parameters: JsonObject, names: readonly RegExp[]): Json {
  const all = named(parameters).filter(([, value]) => !isObject(value));
  for (const name of names) {
    const one = all.find(([own]) => name.test(own));
    if (one) return one[1];
  }
  return '';
}

const TEXT = [/^(message)?body$/, /text/, /message/, /content/, /description/];
const SUBJECT = [/subject/, /title/, /name/];

function substitute(step: JsonObject, by: Substitute): JsonObject {
  const parameters = parametersOf(step);
  const made = stepOf(by);
  const inputs = made['inputs'] as JsonObject;
  if (by === 'Compose') return { ...made, inputs: parameters };
  if (by === 'Http') return { ...made, inputs: { ...inputs, method: 'POST', body: parameters } };
  const filled: JsonObject =
    by === 'SendNotification'
      ? { 'NotificationDefinition/notificationText': pick(parameters, TEXT) }
      : { 'NotificationEmailDefinition/notificationSubject': pick(parameters, SUBJECT), 'NotificationEmailDefinition/notificationBody': pick(parameters, TEXT) };
  return { ...made, inputs: { ...inputs, parameters: filled } };
}

/** The same flow with another step in the place of one; what the step runs after, and what is said about it, stays. */
export function substituted(definition: JsonObject, name: string | null, by: Substitute): JsonObject {
  if (name === null) {
    const trigger = triggerOf(definition);
    return trigger ? replaceStep(definition, null, stepOf('Request')) : definition;
  }
  const found = findAction(definition, name);
  if (!found) return definition;
  const { runAfter, description } = found.action;
  return replaceStep(definition, found.name, { ...substitute(found.action, by), ...(description !== undefined ? { description } : {}), runAfter: runAfter ?? {} });
}

/** The same flow with a step that calls another operation of its connector. */
export function withOperation(definition: JsonObject, name: string | null, operation: string): JsonObject {
  const step = name === null ? triggerOf(definition)?.trigger : findAction(definition, name)?.action;
  const inputs = step?.['inputs'];
  if (!step || !isObject(inputs) || !isObject(inputs['host'])) return definition;
  return replaceStep(definition, name, { ...step, inputs: { ...inputs, host: { ...inputs['host'], operationId: operation } } });
}
