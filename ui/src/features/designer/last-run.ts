/** Evaluating an expression of a step with the data of the flow's last run. */
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { ActionRun, Evaluated, Flow, Json, Run } from '../../api/types';
import { containersOf, findAction, forEachAction, isObject, typeOf, valueAt, type JsonObject } from '../../flow-model/definition';
import { isBroken } from '../../flow-model/checker';
import { hasItems } from '../../flow-model/order';
import { mentionsOf } from '../../flow-model/references';
import type { Edited } from './state';

/** The newest run that performed the flow; creations of webhooks have no data. */
export function useLastRun(flow: Flow | null) {
  return useQuery({
    queryKey: ['runs', 'last-of', flow?.id],
    enabled: flow !== null,
    queryFn: async ({ signal }) => {
      const page = await api.get('/api/runs', { query: { flow: flow?.id, limit: 10 }, signal });
      const newest = page.items.find((run) => run.kind === 'flow');
      return newest ? await api.get('/api/runs/{id}', { path: { id: newest.id }, signal }) : null;
    },
    staleTime: 30_000,
  });
}

/** The bodies of a run's trigger (null) and actions. */
export function bodiesOf(run: Run): Map<string | null, Json> {
  const bodies = new Map<string | null, Json>([[null, valueAt(run.trigger.outputs ?? null, ['body']) ?? null]]);
  for (const action of run.actions ?? []) bodies.set(action.name, valueAt(action.outputs ?? null, ['body']) ?? action.outputs ?? null);
  return bodies;
}

/** The outputs of a run's trigger (null) and actions. */
export const outputsOf = (run: Run): Map<string | null, Json> => new Map<string | null, Json>([[null, run.trigger.outputs ?? null], ...(run.actions ?? []).map((action) => [action.name, action.outputs ?? null] as const)]);

const isCut = (value: Json | undefined): boolean => isObject(value) && value['$truncated'] === true;

const evaluated = (expression: string, context: JsonObject): Promise<Evaluated> => api.post('/api/expressions/evaluate', { body: { expression, context } });

/** Large values are left out of a run's answer; what the expression reads is fetched whole. */
async function whole(run: Run, action: ActionRun, which: 'inputs' | 'outputs'): Promise<Json> {
  const value = action[which] ?? null;
  return isCut(value) ? await api.get('/api/runs/{id}/actions/{name}/{which}', { path: { id: run.id, name: action.name, which } }) : value;
}

async function contextOf(run: Run, { definition, parameters: given = {} }: Edited, step: string | null, template: string): Promise<JsonObject> {
  const mentioned = new Set(mentionsOf(template).map((mention) => mention.name));
  const actions: JsonObject = {};
  const variables: JsonObject = {};
  for (const action of run.actions ?? []) {
    const { name, status, code } = action;
    const reads = mentioned.has(name);
    actions[name] = { name, status, code: code ?? null, inputs: reads ? await whole(run, action, 'inputs') : null, outputs: reads ? await whole(run, action, 'outputs') : null };
  }
  forEachAction(definition, (name, action) => {
    if (typeOf(action) !== 'InitializeVariable') return;
    const held = (run.actions ?? []).find((item) => item.name === name)?.inputs ?? action['inputs'];
    const list = valueAt(held ?? {}, ['variables']);
    for (const variable of Array.isArray(list) ? list : []) if (isObject(variable) && typeof variable['name'] === 'string') variables[variable['name']] = variable['value'] ?? null;
  });
  const parameters: JsonObject = {};
  const declared = definition['parameters'];
  for (const [name, parameter] of Object.entries(isObject(declared) ? declared : {})) if (isObject(parameter)) parameters[name] = given[name] ?? parameter['defaultValue'] ?? null;
  const { name, status } = run.trigger;
  const context: JsonObject = {
    trigger: { name, status: status ?? 'Succeeded', outputs: run.trigger.outputs ?? null },
    actions,
    variables,
    parameters,
    workflow: { name: run.flow.id, run: { name: run.id } },
  };
  // The loops around the step stand at their first item.
  const items: JsonObject = {};
  const indexes: JsonObject = {};
  const place = step === null ? [] : (findAction(definition, step)?.place ?? []);
  for (const container of containersOf(place)) {
    const loop = findAction(definition, container)?.action;
    if (!loop || typeOf(loop) !== 'Foreach' || typeof loop['foreach'] !== 'string') continue;
    const over = await evaluated(loop['foreach'], { ...context, items, iterationIndexes: indexes });
    items[container] = (Array.isArray(over.value) ? over.value[0] : undefined) ?? null;
    indexes[container] = 0;
    context['item'] = items[container];
  }
  // So does a step that goes through a list itself, as *Select* and *Filter array* do.
  const own = step === null ? undefined : findAction(definition, step)?.action;
  const from = own && hasItems(own) ? valueAt(own, ['inputs', 'from']) : undefined;
  if (from !== undefined) {
    const over = typeof from === 'string' ? (await evaluated(from, { ...context, items, iterationIndexes: indexes })).value : from;
    context['item'] = (Array.isArray(over) ? over[0] : undefined) ?? null;
  }
  return { ...context, items, iterationIndexes: indexes };
}

/** What reads data of a run. */
const READS = /\b(trigger|triggerBody|triggerOutputs|triggerFormDataValue|triggerFormDataMultiValues|triggerMultipartBody|actions|action|body|outputs|actionBody|actionOutputs|formDataValue|formDataMultiValues|multipartBody|items?|result|iterationIndexes|variables|workflow|listCallbackUrl)\s*\(/i;
/** Wrong whatever the data is. */
const ALWAYS_WRONG = ['ParseError', 'UnknownFunction', 'ArgumentCount'];

/**
 * The value of an expression. Without a run only what needs no data has one; `awaitsData` says that the expression may be
 * right, but that no run has the data it reads.
 */
export async function evaluate(expression: string, run: Run | null, edited: Edited, step: string | null): Promise<Evaluated & { awaitsData: boolean }> {
  const told = await evaluated(`@${expression}`, run ? await contextOf(run, edited, step, `@{${expression}}`) : {});
  const performed = new Set((run?.actions ?? []).filter((action) => action.status !== 'Skipped').map((action) => action.name.toLowerCase()));
  const isUnseen = run === null ? READS.test(expression) : mentionsOf(`@{${expression}}`).some((mention) => !performed.has(mention.name.toLowerCase()));
  return { ...told, awaitsData: !!told.error && isUnseen && !ALWAYS_WRONG.includes(told.error.kind) && !isBroken(edited.definition, expression, step) };
}

/** A text with expressions, filled in with the data of a run; undefined where the run did not have that data. */
export async function filledIn(text: string, run: Run, edited: Edited, step: string | null): Promise<Json | undefined> {
  const told = await evaluated(text, await contextOf(run, edited, step, text));
  return told.error ? undefined : told.value;
}
