/** The dynamic content of a step: from operations, from schemas in the definition, from data of the last run. */
import { skipToken, useQueries, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../../api/client';
import type { Flow, Token } from '../../api/types';
import { findAction, forEachAction, isContainer, isObject, titleOf, triggerOf, typeOf, valueAt, type Json, type JsonObject } from '../../flow-model/definition';
import { tokenSources, type TokenSource } from '../../flow-model/order';
import { isSameName } from '../../flow-model/language';
import { normalExpression } from '../../flow-model/references';
import { arrayOf, listBehind, listsOf, selectedMembers, tokensOfSample, tokensOfSchema, type ContentToken, type ToldToken } from '../../flow-model/tokens';
import { useText } from '../../shared/language';
import { useConnections, useDesigner, useOperations } from './context';
import { bodiesOf, useLastRun } from './last-run';
import { APPROVALS_API } from '../../flow-model/host';
import { connectorOf, hostOf, type Edited } from './state';
import { designerText } from './text';

export interface TokenGroup {
  key: string;
  title: string;
  /** Whose picture stands beside the title. */
  source: TokenSource | null;
  tokens: ContentToken[];
}

const quoted = (name: string) => name.replace(/'/g, "''");
const bodyOf = (name: string) => `body('${quoted(name)}')`;
/** What an action gives is its body, but of *Compose* it is all there is. */
const rootOf = (name: string, step: JsonObject | null) => (typeOf(step ?? {}) === 'Compose' ? `outputs('${quoted(name)}')` : bodyOf(name));
const isCut = (value: Json | undefined): boolean => isObject(value) && value['$truncated'] === true;

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
    if (typeOf(action) === 'ParseJson') add(bodyOf(name), action);
  });
  return found;
}

/** Data that was seen, by root: the last run's, and for a trigger that did not start one, its last notification. */
function useSeen(flow: Flow | null, definition: JsonObject): ReadonlyMap<string, Json> {
  const run = useLastRun(flow).data;
  const id = flow?.id;
  const event = useQuery({
    queryKey: ['flows', id, 'sample'],
    queryFn:
      id !== undefined && run === null
        ? async ({ signal }) => {
            const events = await api.get('/api/flows/{id}/events', { path: { id }, query: { limit: 1 }, signal });
            const first = events.items[0];
            return first ? await api.get('/api/flows/{id}/events/{event}', { path: { id, event: first.id }, signal }) : null;
          }
        : skipToken,
    staleTime: 60_000,
  }).data;
  return useMemo(() => {
    const seen = new Map<string, Json>();
    if (run) {
      for (const [name, body] of bodiesOf(run)) {
        if (body === null || isCut(body)) continue;
        seen.set(name === null ? 'triggerBody()' : rootOf(name, findAction(definition, name)?.action ?? null), body);
      }
    } else if (event) seen.set('triggerBody()', event.body ?? null);
    return seen;
  }, [run, event, definition]);
}

type ApprovalWords = typeof designerText.en.approvalTokens;

/** What an action of *Approvals* gives, in words. */
function approvalContent(words: ApprovalWords, operation: string): ToldToken[] {
  const responses = "body()?['responses']";
  const top = (title: string, name: string): ToldToken => ({ title, expression: `body()?['${name}']`, type: 'string' });
  const each = (title: string, path: string, visibility?: string): ToldToken => ({ title, expression: `item()${path}`, in_array: responses, type: 'string', ...(visibility ? { visibility } : {}) });
  if (isSameName(operation, 'CreateAnApproval')) {
    return [top(words.id, 'name'), top(words.respondLink, 'respondLink'), top(words.title, 'title'), { ...top(words.assignedTo, 'assignedTo'), visibility: 'advanced' }, { ...top(words.requestDate, 'requestDate'), visibility: 'advanced' }];
  }
  return [
    top(words.outcome, 'outcome'),
    top(words.summary, 'responseSummary'),
    { title: words.responses, expression: responses, type: 'array' },
    each(words.response, "?['approverResponse']"),
    each(words.comments, "?['comments']"),
    each(words.responderName, "?['responder']?['displayName']"),
    each(words.responderEmail, "?['responder']?['email']"),
    each(words.responseDate, "?['responseDate']"),
    { ...top(words.title, 'title'), visibility: 'advanced' },
    { ...top(words.requestDate, 'requestDate'), visibility: 'advanced' },
    { ...top(words.completionDate, 'completionDate'), visibility: 'advanced' },
  ];
}

/** Tokens by root expression: `triggerBody()`, `body('…')`, `outputs('…')`. */
function useContent(edited: Edited): ReadonlyMap<string, ContentToken[]> {
  const t = useText(designerText);
  const { flow } = useDesigner();
  const { definition, connections } = edited;
  const operations = useOperations(edited);
  const known = useConnections().data;
  const schemas = useMemo(() => inlineSchemas(definition), [definition]);
  const inline = useQueries({
    queries: schemas.map(({ root, schema }) => ({
      queryKey: ['authoring', 'dynamic-content', root, JSON.stringify(schema)],
      queryFn: () => api.post('/api/authoring/dynamic-content', { body: { schema, root } }),
      staleTime: Infinity,
    })),
    combine: combined,
  });
  const seen = useSeen(flow, definition);
  return useMemo(() => {
    const map = new Map<string, ContentToken[]>();
    for (const [root, value] of seen) map.set(root, tokensOfSample(value, root));
    schemas.forEach(({ root }, index) => {
      const tokens = inline[index];
      if (tokens) map.set(root, tokensOfSchema(tokens, root));
    });
    const add = (step: JsonObject, root: string) => {
      const host = hostOf(step);
      if (!host) return;
      if (host.api === APPROVALS_API) {
        map.set(root, tokensOfSchema(approvalContent(t.approvalTokens, host.operation), root));
        return;
      }
      const operation = operations.get(`${connectorOf(step, connections, known ?? [])}/${host.operation}`);
      if (operation?.dynamic_content?.length) map.set(root, tokensOfSchema(operation.dynamic_content, root));
    };
    const trigger = triggerOf(definition);
    if (trigger) add(trigger.trigger, 'triggerBody()');
    forEachAction(definition, (name, action) => add(action, bodyOf(name)));
    return map;
  }, [seen, schemas, inline, operations, connections, known, definition, t]);
}

const combined = (results: { data: { tokens: Token[] } | undefined }[]): (Token[] | undefined)[] => results.map((result) => result.data?.tokens);

/** Schemas tell of the whole body too. */
const once = (tokens: ContentToken[]): ContentToken[] => {
  const known = new Set<string>();
  return tokens.filter((token) => {
    const expression = normalExpression(token.expression);
    return !known.has(expression) && known.add(expression);
  });
};

const WITH_BODY = ['Query', 'Select', 'Join', 'Table', 'ParseJson', 'Expression'];

/** Groups of tokens for a step, nearest first, and the names of all tokens for the chips. */
export function useTokens(step: string | null): { groups: TokenGroup[]; titles: ReadonlyMap<string, string> } {
  const t = useText(designerText);
  const { edited } = useDesigner();
  const { definition } = edited;
  const content = useContent(edited);
  return useMemo(() => {
    const words = t.tokens;
    const all = [...content.values()].flat();
    const inside = (outer: string): ContentToken[] => {
      const array = listBehind(definition, outer);
      const selected = selectedMembers(definition, array);
      if (selected) return selected;
      const lists = array ? listsOf(definition, array).map(normalExpression).join('\n') : '';
      return lists ? all.filter((token) => token.arrays && token.arrays.map(normalExpression).join('\n') === lists) : [];
    };
    const titles = new Map<string, string>();
    for (const token of all) if (!token.arrays) titles.set(normalExpression(token.expression), token.title);
    forEachAction(definition, (name, action) => {
      if (typeOf(action) !== 'Foreach') return;
      for (const token of inside(arrayOf(action['foreach']))) if (token.tail) titles.set(`items('${quoted(name)}')${token.tail}`, token.title);
    });
    const itemsOf = (array: string, item: string): ContentToken[] => [
      { title: words['item'] ?? '', expression: item },
      ...inside(array).filter((token) => token.tail).map(({ arrays: _, tail = '', ...token }): ContentToken => ({ ...token, expression: item + tail })),
    ];
    const tokensOf = (source: TokenSource): ContentToken[] => {
      const name = source.name ?? '';
      switch (source.kind) {
        case 'trigger':
          return [...(content.get('triggerBody()') ?? []), { title: words['body'] ?? '', expression: 'triggerBody()', type: 'object' }, { title: words['headers'] ?? '', expression: "triggerOutputs()?['headers']", type: 'object', advanced: true }];
        case 'loop': return itemsOf(arrayOf(source.step?.['foreach']), `items('${quoted(name)}')`);
        case 'item': return itemsOf(arrayOf(valueAt(source.step ?? {}, ['inputs', 'from'])), 'item()');
        case 'variable': {
          const variables = valueAt(source.step ?? {}, ['inputs', 'variables']);
          return (Array.isArray(variables) ? variables : []).flatMap((item) =>
            isObject(item) && typeof item['name'] === 'string' && item['name'] ? [{ title: item['name'], expression: `variables('${quoted(item['name'])}')`, ...(typeof item['type'] === 'string' ? { type: item['type'].toLowerCase() } : {}) }] : [],
          );
        }
        default: {
          const type = typeOf(source.step ?? {});
          const seen = content.get(rootOf(name, source.step)) ?? [];
          // *Filter array* gives items as they were, also where none was left over in the last run.
          const own = seen.length === 0 && type === 'Query' ? inside(bodyOf(name)).map((token): ContentToken => ({ ...token, expression: `${bodyOf(name)}[*]${token.tail ?? ''}`, arrays: [bodyOf(name)] })) : seen;
          if (type === 'Compose') return [...own, { title: words['outputs'] ?? '', expression: `outputs('${quoted(name)}')` }];
          const body: ContentToken = { title: words['body'] ?? '', expression: bodyOf(name) };
          if (type.startsWith('Http') || type.startsWith('OpenApi') || type.startsWith('ApiConnection')) {
            return [...own, body, { title: words['statusCode'] ?? '', expression: `outputs('${quoted(name)}')?['statusCode']`, advanced: true }, { title: words['headers'] ?? '', expression: `outputs('${quoted(name)}')?['headers']`, advanced: true }];
          }
          if (isContainer(source.step ?? {})) return [{ title: words['results'] ?? '', expression: `result('${quoted(name)}')`, type: 'array', advanced: true }];
          return WITH_BODY.includes(type) ? [...own, body] : [];
        }
      }
    };
    const titleOfSource = (source: TokenSource) => (source.kind === 'trigger' ? titleOf(triggerOf(definition)?.name ?? '') : source.kind === 'item' ? (words['items'] ?? '') : titleOf(source.name ?? ''));
    const groups: TokenGroup[] = tokenSources(definition, step).map((source) => ({ key: `${source.kind}/${source.name ?? ''}`, title: titleOfSource(source), source, tokens: once(tokensOf(source)) }));
    const parameters = definition['parameters'];
    if (isObject(parameters) && step !== null) {
      const tokens = Object.keys(parameters).filter((name) => !name.startsWith('$')).map((name) => ({ title: name, expression: `parameters('${quoted(name)}')` }));
      groups.push({ key: '$parameters', title: words['parameters'] ?? '', source: null, tokens });
    }
    for (const group of groups) {
      for (const token of group.tokens) if (!titles.has(normalExpression(token.expression)) && token.title !== words['body']) titles.set(normalExpression(token.expression), token.title);
    }
    return { groups: groups.filter((group) => group.tokens.length > 0), titles };
  }, [t, content, definition, step]);
}

/** The single values of a notification, outside of lists. */
export function useTriggerValues(): ContentToken[] {
  const { edited } = useDesigner();
  const content = useContent(edited);
  return useMemo(() => once((content.get('triggerBody()') ?? []).filter((token) => !['array', 'object'].includes(token.type ?? '') && !token.arrays)), [content]);
}

/** The lists that a notification can be split by. */
export function useTriggerLists(): ContentToken[] {
  const { edited } = useDesigner();
  const content = useContent(edited);
  return useMemo(() => (content.get('triggerBody()') ?? []).filter((token) => token.type === 'array' && !token.arrays), [content]);
}
