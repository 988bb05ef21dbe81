/** What is wrong with a flow, as far as it can be seen without the server. */
import { actionsAt, branchesOf, branchPlace, containersOf, findAction, forEachAction, isObject, ROOT, runAfterOf, triggerOf, typeOf, type Json, type JsonObject, type Place } from './definition';
import { before } from './order';
import { mapStrings, mentionsOf } from './references';
import { variablesOf } from './variables';

export interface Finding {
  severity: 'error' | 'warning';
  code: 'no_trigger' | 'no_actions' | 'unknown_action' | 'unknown_run_after' | 'missing_parameter' | 'empty_branches' | 'missing_connection' | 'no_mail_server' | 'server';
  /** The card it is about; null for the trigger, undefined for the flow. */
  step?: string | null;
  /** What the text names: the action that is not there, the parameter without a value. */
  subject?: string;
  message?: string;
  hint?: string | undefined;
  /** What the server wrote, where the message says it in another language. */
  wording?: string | undefined;
}

export const pointerOf = (place: Place, name: string): string => ['', ...place, name].map((part) => part.replace(/~/g, '~0').replace(/\//g, '~1')).join('/');

/** The card that a diagnostic's pointer leads to; undefined when it is about the flow as a whole. */
export function stepOfPointer(definition: JsonObject, pointer: string): string | null | undefined {
  const parts = pointer.split('/').slice(1).map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
  const start = parts.findIndex((part) => part === 'triggers' || part === 'actions');
  if (start < 0) return undefined;
  if (parts[start] === 'triggers') return null;
  let best: string | undefined;
  forEachAction(definition, (name, _, place) => {
    const path = [...place, name];
    if (path.every((part, index) => parts[start + index] === part)) best = name;
  });
  return best;
}

/** `required` gives the names of parameters that a step needs, by step (null for the trigger). */
export function check(definition: JsonObject, required: (name: string | null) => { key: string; label: string }[] = () => []): Finding[] {
  const findings: Finding[] = [];
  const trigger = triggerOf(definition);
  if (!trigger) findings.push({ severity: 'error', code: 'no_trigger' });
  if (trigger && Object.keys(actionsAt(definition, ROOT)).length === 0) findings.push({ severity: 'warning', code: 'no_actions' });
  const parametersOf = (step: JsonObject): JsonObject => {
    const inputs = step['inputs'];
    return isObject(inputs) && isObject(inputs['parameters']) ? inputs['parameters'] : {};
  };
  const missing = (name: string | null, step: JsonObject) => {
    const given = parametersOf(step);
    for (const parameter of required(name)) {
      const value: Json | undefined = given[parameter.key];
      if (value === undefined || value === '' || value === null) findings.push({ severity: 'error', code: 'missing_parameter', step: name, subject: parameter.label });
    }
  };
  if (trigger) missing(null, trigger.trigger);
  forEachAction(definition, (name, action, place) => {
    missing(name, action);
    for (const other of Object.keys(runAfterOf(action))) {
      if (!(other in actionsAt(definition, place))) findings.push({ severity: 'error', code: 'unknown_run_after', step: name, subject: other });
    }
    const branches = branchesOf(action);
    if (branches.length > 0 && typeOf(action) !== 'Scope' && branches.every((branch) => Object.keys(actionsAt(definition, branchPlace(place, name, branch))).length === 0)) {
      findings.push({ severity: 'warning', code: 'empty_branches', step: name });
    }
    const own: JsonObject = Object.fromEntries(Object.entries(action).filter(([member]) => !['actions', 'else', 'cases', 'default'].includes(member)));
    const told = new Set<string>();
    mapStrings(own, (text) => {
      for (const mention of mentionsOf(text)) {
        if (!findAction(definition, mention.name) && !told.has(mention.name)) {
          told.add(mention.name);
          findings.push({ severity: 'error', code: 'unknown_action', step: name, subject: mention.name });
        }
      }
      return text;
    });
  });
  return findings;
}

/** Whether an expression speaks of a step that is gone, or that does not come before the one that says it. */
export function isBroken(definition: JsonObject, expression: string, step: string | null): boolean {
  if (/\btrigger(Body|Outputs)?\s*\(/i.test(expression) && !triggerOf(definition)) return true;
  const declared = { variables: [...variablesOf(definition).keys()], parameters: Object.keys(isObject(definition['parameters']) ? definition['parameters'] : {}) };
  for (const [, kind, name] of expression.matchAll(/\b(variables|parameters)\s*\(\s*'((?:[^']|'')*)'/gi)) {
    const known = declared[(kind ?? '').toLowerCase() as keyof typeof declared];
    if (!name?.startsWith('$') && !known.some((own) => own.toLowerCase() === name?.replace(/''/g, "'").toLowerCase())) return true;
  }
  const here = step === null ? null : findAction(definition, step);
  const around = new Set(here ? containersOf(here.place) : []);
  const earlier = new Set(here && step !== null ? before(definition, here.place, step) : []);
  return mentionsOf(`@{${expression}}`).some((mention) => {
    const found = findAction(definition, mention.name);
    if (!found) return true;
    if (!here) return false;
    if (mention.function === 'items') return !around.has(found.name);
    if (around.has(found.name)) return false;
    // What is inside of an earlier container has happened with it.
    return !earlier.has(found.name) && !containersOf(found.place).some((container) => earlier.has(container));
  });
}
