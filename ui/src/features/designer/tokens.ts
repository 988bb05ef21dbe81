/** The dynamic content of a step: from operations, from schemas in the definition, from data of the last run. */
import { skipToken, useQueries, useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { OperationDetail, Token } from '../../api/types';
import { findAction, forEachAction, isObject, titleOf, triggerOf, typeOf, valueAt, type JsonObject } from '../../flow-model/definition';
import { tokenSources } from '../../flow-model/order';
import { normalExpression } from '../../flow-model/references';
import { itemExpression, rebased, tokensOfSample, type ContentToken } from '../../flow-model/tokens';
import { useConnections, useDesigner, useOperations } from './context';
import { connectorOf, hostOf, type Edited } from './state';

export interface TokenGroup {
  key: string;
  title: string;
  tokens: ContentToken[];
}

/** Schemas that stand in the definition itself, by the root of the expressions that read them. */
function inlineSchemas(definition: JsonObject): { root: string; schema: JsonObject }[] {
  const found: { root: string; schema: JsonObject }[] = [];
  const add = (root: string, step: JsonObject) => {
    const schema = valueAt(step, ['inputs', 'schema']);
    if (isObject(schema) && Object.keys(schema).length > 0) found.push({ root, schema });
  };
  const trigger = triggerOf(definition);
  if (trigger) add('triggerBody()', trigger.trigger);
  forEachAction(definition, (name, action) => {
    if (typeOf(action) === 'ParseJson') add(`body('${name}')`, action);
  });
  return found;
}

const contentOf = (token: Token, root: string): ContentToken => ({
  title: token.title,
  expression: rebased(token.expression, root),
  ...(token.in_array ? { inArray: rebased(token.in_array, root) } : {}),
  ...(token.type ? { type: token.type } : {}),
  ...(token.description ? { description: token.description } : {}),
  ...(token.visibility === 'advanced' ? { advanced: true } : {}),
});

const withoutInternal = (tokens: Token[]) => tokens.filter((token) => token.visibility !== 'internal');

/** Tokens by root expression: `triggerBody()` and `body('…')`. */
function useContent(edited: Edited): Map<string, ContentToken[]> {
  const { flow } = useDesigner();
  const operations = useOperations(edited);
  const known = useConnections().data ?? [];
  const schemas = inlineSchemas(edited.definition);
  const inline = useQueries({
    queries: schemas.map(({ root, schema }) => ({
      queryKey: ['authoring', 'dynamic-content', root, JSON.stringify(schema)],
      queryFn: () => api.post('/api/authoring/dynamic-content', { body: { schema, root } }),
      staleTime: Infinity,
    })),
  });
  const map = new Map<string, ContentToken[]>();
  schemas.forEach(({ root }, index) => {
    const tokens = inline[index]?.data?.tokens;
    if (tokens) map.set(root, withoutInternal(tokens).map((token) => contentOf(token, root)));
  });
  const add = (step: JsonObject, root: string) => {
    const connector = connectorOf(step, edited.connections, known);
    const operation: OperationDetail | undefined = operations.get(`${connector}/${hostOf(step)?.operation}`);
    if (operation?.dynamic_content?.length) map.set(root, withoutInternal(operation.dynamic_content).map((token) => contentOf(token, root)));
  };
  const trigger = triggerOf(edited.definition);
  if (trigger) add(trigger.trigger, 'triggerBody()');
  forEachAction(edited.definition, (name, action) => add(action, `body('${name}')`));
  const needsSample = !!flow && !map.get('triggerBody()')?.length;
  const sample = useQuery({
    queryKey: ['flows', flow?.id, 'sample'],
    queryFn: needsSample
      ? async ({ signal }) => {
          const events = await api.get('/api/flows/{id}/events', { path: { id: flow.id }, query: { limit: 1 }, signal });
          const first = events.items[0];
          return first ? await api.get('/api/flows/{id}/events/{event}', { path: { id: flow.id, event: first.id }, signal }) : null;
        }
      : skipToken,
    staleTime: 60_000,
  });
  if (needsSample && sample.data) map.set('triggerBody()', tokensOfSample(sample.data.body ?? null, 'triggerBody()'));
  return map;
}

/** Groups of tokens for a step, nearest first, and the names of all tokens for the chips. */
export function useTokens(step: string | null): { groups: TokenGroup[]; titles: ReadonlyMap<string, string> } {
  const { edited } = useDesigner();
  const content = useContent(edited);
  const titles = new Map<string, string>();
  for (const tokens of content.values()) for (const token of tokens) titles.set(normalExpression(token.expression), token.title);
  forEachAction(edited.definition, (name, action) => {
    if (typeOf(action) !== 'Foreach') return;
    const array = normalExpression(String(action['foreach'] ?? '').replace(/^@\{?|\}$/g, ''));
    for (const tokens of content.values()) {
      for (const token of tokens) if (token.inArray && normalExpression(token.inArray) === array) titles.set(itemExpression(token, name), token.title);
    }
  });
  const groups: TokenGroup[] = tokenSources(edited.definition, step).map((source) => {
    if (source.kind === 'trigger') {
      const held = triggerOf(edited.definition);
      return {
        key: '$trigger',
        title: titleOf(held?.name ?? ''),
        tokens: [...(content.get('triggerBody()') ?? []), { title: 'Body', expression: 'triggerBody()', type: 'object' }, { title: 'Headers', expression: "triggerOutputs()?['headers']", type: 'object', advanced: true }],
      };
    }
    const name = source.name ?? '';
    if (source.kind === 'loop') {
      const array = normalExpression(String(source.step?.['foreach'] ?? '').replace(/^@\{?|\}$/g, ''));
      const inner = [...content.values()].flat().filter((token) => token.inArray && normalExpression(token.inArray) === array);
      return {
        key: name,
        title: titleOf(name),
        tokens: [{ title: 'Current item', expression: `items('${name}')` }, ...inner.map((token): ContentToken => ({ title: token.title, expression: itemExpression(token, name), ...(token.type ? { type: token.type } : {}) }))],
      };
    }
    if (source.kind === 'variable') {
      const variables = valueAt(source.step ?? {}, ['inputs', 'variables']);
      const names = Array.isArray(variables) ? variables.flatMap((item) => (isObject(item) && typeof item['name'] === 'string' && item['name'] ? [item['name']] : [])) : [];
      return { key: name, title: titleOf(name), tokens: names.map((variable) => ({ title: variable, expression: `variables('${variable}')` })) };
    }
    const type = typeOf(source.step ?? {});
    const own = content.get(`body('${name}')`) ?? [];
    const plain: ContentToken[] =
      type === 'Compose' ? [{ title: 'Outputs', expression: `outputs('${name}')` }]
      : type === 'Http' || type.startsWith('OpenApi') || type.startsWith('ApiConnection')
        ? [{ title: 'Body', expression: `body('${name}')` }, { title: 'Status code', expression: `outputs('${name}')?['statusCode']`, advanced: true }, { title: 'Headers', expression: `outputs('${name}')?['headers']`, advanced: true }]
        : ['Query', 'Select', 'Join', 'Table', 'ParseJson', 'Expression'].includes(type) ? [{ title: 'Body', expression: `body('${name}')` }] : [];
    return { key: name, title: titleOf(name), tokens: [...own, ...plain] };
  });
  const parameters = edited.definition['parameters'];
  if (isObject(parameters) && step !== null) {
    const names = Object.keys(parameters).filter((name) => !name.startsWith('$'));
    if (names.length > 0) groups.push({ key: '$parameters', title: 'Parameters', tokens: names.map((name) => ({ title: name, expression: `parameters('${name}')` })) });
  }
  for (const group of groups) for (const token of group.tokens) if (!titles.has(normalExpression(token.expression)) && token.title !== 'Body') titles.set(normalExpression(token.expression), token.title);
  return { groups: groups.filter((group) => group.tokens.length > 0), titles };
}

/** The loop around a step that goes over this array, if there is one. */
export function loopAround(definition: JsonObject, step: string, array: string): string | null {
  for (const source of tokenSources(definition, step)) {
    if (source.kind !== 'loop' || !source.name) continue;
    const action = findAction(definition, source.name)?.action;
    const over = normalExpression(String(action?.['foreach'] ?? '').replace(/^@\{?|\}$/g, ''));
    if (over === normalExpression(array)) return source.name;
  }
  return null;
}
