/** The flow model: every edit keeps the definition whole. */
import { describe, expect, it } from 'vitest';
import { check, isBroken } from '../../src/flow-model/checker';
import { emptyOperand } from '../../src/flow-model/compared';
import { formatRows, parseCondition } from '../../src/flow-model/condition';
import { actionsAt, branchesOf, emptyDefinition, findAction, freeName, nameOf, ROOT, runAfterOf, type Json, type JsonObject } from '../../src/flow-model/definition';
import { addAction, copied, ensureBranches, moveActions, paste, removeActions, renameAction, setTrigger, wrapInForeach } from '../../src/flow-model/edits';
import { layout } from '../../src/flow-model/layout';
import { formatTemplate, mentionsOf, parseTemplate, renameReferences } from '../../src/flow-model/references';
import { inOneLine, seenOf, seenOfToken } from '../../src/flow-model/seen';
import { tokensOfSample } from '../../src/flow-model/tokens';
import { begin, change, redo, undo } from '../../src/flow-model/undo';

const compose = (inputs: string): JsonObject => ({ type: 'Compose', inputs });

/** A → B → C */
function three(): JsonObject {
  let definition = setTrigger(emptyDefinition(), 'manual', { type: 'Request' });
  let after: string | null = null;
  for (const [title, inputs] of [['A', '@triggerBody()'], ['B', "@outputs('A')"], ['C', "@concat(outputs('A'), outputs('B'))"]] as const) {
    const added = addAction(definition, { place: ROOT, after }, title, compose(inputs));
    definition = added.definition;
    after = added.name;
  }
  return definition;
}
const order = (definition: JsonObject) => Object.fromEntries(Object.entries(actionsAt(definition, ROOT)).map(([name, action]) => [name, Object.keys(runAfterOf(action))]));

describe('edits', () => {
  it('adds between, and what followed follows the new one', () => {
    const { definition, name } = addAction(three(), { place: ROOT, after: 'A' }, 'New step', compose('x'));
    expect(name).toBe('New_step');
    expect(order(definition)).toEqual({ A: [], New_step: ['A'], B: ['New_step'], C: ['B'] });
  });
  it('adds beside without touching the others', () => {
    const { definition } = addAction(three(), { place: ROOT, after: 'A', parallel: true }, 'Beside', compose('x'));
    expect(order(definition)).toEqual({ A: [], Beside: ['A'], B: ['A'], C: ['B'] });
  });
  it('removes and closes the gap', () => {
    expect(order(removeActions(three(), ['B']))).toEqual({ A: [], C: ['A'] });
  });
  it('renames with everything that mentions it', () => {
    const renamed = renameAction(three(), 'A', 'First one');
    expect(renamed?.name).toBe('First_one');
    const c = findAction(renamed?.definition ?? {}, 'C')?.action;
    expect(c?.['inputs']).toBe("@concat(outputs('First_one'), outputs('B'))");
    expect(runAfterOf(findAction(renamed?.definition ?? {}, 'B')?.action ?? {})).toHaveProperty('First_one');
    expect(renameAction(three(), 'A', 'B')).toBeNull();
  });
  it('moves, copies and pastes', () => {
    expect(Object.keys(order(moveActions(three(), ['A'], { place: ROOT, after: 'C' })))).toHaveLength(3);
    const text = copied(three(), ['B']) ?? '';
    const pasted = paste(three(), { place: ROOT, after: 'C' }, text);
    expect(pasted?.names[0]).not.toBe('B');
    expect(paste(three(), { place: ROOT, after: 'C' }, 'nonsense')).toBeNull();
  });
  it('wraps a step in a loop over a list', () => {
    const wrapped = wrapInForeach(three(), 'B', "triggerBody()?['items']");
    const loop = findAction(wrapped.definition, wrapped.loop)?.action;
    expect(loop?.['foreach']).toContain("triggerBody()?['items']");
    expect(branchesOf(loop ?? {})).toHaveLength(1);
  });
  it('never loses an action, whatever is done', () => {
    let definition = three();
    for (let round = 0; round < 30; round += 1) {
      const names = Object.keys(actionsAt(definition, ROOT));
      const after = names[round % names.length] ?? null;
      const before = JSON.stringify(definition).match(/"type":"Compose"/g)?.length ?? 0;
      definition = round % 3 === 2 && names.length > 2 ? moveActions(definition, [names[0] ?? ''], { place: ROOT, after: names.at(-1) ?? null }) : addAction(definition, { place: ROOT, after }, `Step ${round}`, compose('x')).definition;
      const now = JSON.stringify(definition).match(/"type":"Compose"/g)?.length ?? 0;
      expect(now).toBe(round % 3 === 2 ? before : before + 1);
      expect(check(definition).filter((finding) => finding.code === 'unknown_run_after')).toEqual([]);
    }
  });
});

describe('templates', () => {
  it.each(['plain', '@triggerBody()', 'a @{body(\'x\')} b @{1}', '@@escaped', "@{concat('}', '{')}"])('reads and writes %s', (text) => {
    expect(formatTemplate(parseTemplate(text), !text.includes('@{') && text.startsWith('@') && !text.startsWith('@@'))).toBe(text);
  });
  it('finds and renames what an expression speaks of', () => {
    expect(mentionsOf("@{outputs('A')?['x']} @{body('B')}").map((mention) => mention.name)).toEqual(['A', 'B']);
    expect(renameReferences("@{outputs('A')} outputs('A')", 'A', 'Z')).toBe("@{outputs('Z')} outputs('A')");
  });
});

describe('conditions', () => {
  it('goes to rows and back', () => {
    const value: JsonObject = { and: [{ equals: ["@triggerBody()?['a']", 1] }, { not: { contains: ['@x', 'y'] } }] };
    const rows = parseCondition(value);
    expect(rows?.rows).toHaveLength(2);
    expect(formatRows(rows?.joined ?? 'and', rows?.rows ?? [])).toEqual(value);
  });
});

describe('names', () => {
  it('turns titles into names that are free', () => {
    expect(nameOf('Send me a mobile notification')).toBe('Send_me_a_mobile_notification');
    expect(freeName('A', new Set(['A', 'A_2']))).toBe('A_3');
  });
});

describe('layout', () => {
  it('gives every card a place of its own', () => {
    const condition = addAction(three(), { place: ROOT, after: 'C' }, 'Condition', ensureBranches({ type: 'If', expression: {}, actions: {} }));
    const inner = addAction(condition.definition, { place: ['actions', condition.name, 'actions'], after: null }, 'Inner', compose('x'));
    const made = layout(inner.definition);
    const cards = made.boxes.filter((box) => box.kind === 'card' || box.kind === 'trigger');
    expect(cards.map((box) => box.name)).toEqual(expect.arrayContaining([null, 'A', 'B', 'C', 'Inner']));
    for (const a of cards) for (const b of cards) if (a !== b) expect(a.x === b.x && a.y === b.y).toBe(false);
    const container = made.boxes.find((box) => box.kind === 'container');
    const card = cards.find((box) => box.name === 'Inner');
    expect(container && card && card.x >= container.x && card.y >= container.y && card.x + card.width <= container.x + container.width).toBe(true);
  });
  it('lays out six hundred actions quickly', () => {
    let definition = three();
    const actions: { [name: string]: JsonObject } = {};
    for (let index = 0; index < 600; index += 1) actions[`S${index}`] = { ...compose('x'), runAfter: index ? { [`S${index - 1}`]: ['Succeeded'] } : {} };
    definition = { ...definition, actions };
    const begun = performance.now();
    expect(layout(definition).boxes.length).toBeGreaterThan(600);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe('tokens of a sample', () => {
  it('reaches nested members and list items', () => {
    const tokens = tokensOfSample({ head_commit: { author: { name: 'Ada' } }, commits: [{ id: 1 }] }, 'triggerBody()');
    expect(tokens.map((token) => token.expression)).toContain("triggerBody()?['head_commit']?['author']?['name']");
    expect(tokens.find((token) => token.arrays)).toMatchObject({ arrays: ["triggerBody()?['commits']"], tail: "?['id']", title: 'Commits id' });
  });
});

describe('broken tokens', () => {
  it('speak of what is gone, comes later, or loops elsewhere', () => {
    const flow: JsonObject = {
      ...three(),
      actions: {
        ...actionsAt(three(), ROOT),
        Loop: { type: 'Foreach', foreach: '@triggerBody()', actions: { In: { ...compose('x'), runAfter: {} } }, runAfter: { C: ['Succeeded'] } },
        Last: { ...compose('x'), runAfter: { Loop: ['Succeeded'] } },
      },
    };
    expect(isBroken(flow, "outputs('A')", 'B')).toBe(false);
    expect(isBroken(flow, "outputs('C')", 'B')).toBe(true);
    expect(isBroken(flow, "outputs('Gone')", 'B')).toBe(true);
    expect(isBroken(flow, "items('Loop')", 'In')).toBe(false);
    expect(isBroken(flow, "items('Loop')", 'B')).toBe(true);
    expect(isBroken(flow, "outputs('In')", 'Last')).toBe(false);
    expect(isBroken({ ...flow, triggers: {} }, 'triggerBody()', 'B')).toBe(true);
  });
});

describe('values of tokens', () => {
  const flow: JsonObject = {
    actions: {
      "It's": { type: 'Http', inputs: {} },
      Filter: { type: 'Query', inputs: { from: "@triggerBody()?['orders']", where: true } },
      Loop: { type: 'Foreach', foreach: "@triggerBody()?['orders']", actions: { Inner: { type: 'Foreach', foreach: "@items('Loop')?['lines']", actions: { In: { type: 'Compose', inputs: '' } } } } },
      Select: { type: 'Select', inputs: { from: "@body('Filter')", select: {} } },
    },
  };
  const orders = [{ id: 1, lines: [{ article: 'lamp' }, { article: 'desk' }] }, { id: 2, lines: [{ article: 'chair' }] }];
  const outputs = new Map<string | null, Json>([
    [null, { headers: { host: 'h' }, body: { pusher: { name: 'Ada' }, orders } }],
    ["It's", { statusCode: 200, body: { ok: true } }],
    ['Filter', { body: [orders[1] as Json] }],
    ['Cut', { $truncated: true }],
  ]);
  const seen = (expression: string, step: string | null = null) => seenOf(flow, outputs, step, expression);
  it('are read from what a run gave, for plain paths alone', () => {
    expect(seen("triggerBody()?['pusher']?['name']")).toEqual(['Ada']);
    expect(seen("triggerOutputs()?['body/pusher/name']")).toEqual(['Ada']);
    expect(seen("triggerOutputs()?['headers']?['host']")).toEqual(['h']);
    expect(seen("body('It''s')?['ok']")).toEqual([true]);
    expect(seen("outputs('It''s')?['statusCode']")).toEqual([200]);
    expect(seen("toUpper(triggerBody()?['pusher'])")).toEqual([]);
    expect(seen("body('Nobody')?['x']")).toEqual([]);
  });
  it('are those of the first items inside of loops, and of the list that a step goes through', () => {
    expect(seen("items('Loop')?['id']", 'In')).toEqual([1, 2]);
    expect(seen("items('Inner')?['article']", 'In')).toEqual(['lamp', 'desk', 'chair']);
    expect(seen("item()?['id']", 'Select')).toEqual([2]);
    expect(seen("item()?['id']", 'Filter')).toEqual([1, 2]);
    expect(seen("item()?['id']", 'Loop')).toEqual([]);
  });
  it('are those of the first items for properties below a list', () => {
    const article = { title: 'Article', expression: '', arrays: ["triggerBody()?['orders']", "?['lines']"], tail: "?['article']" };
    expect(inOneLine(seenOfToken(flow, outputs, null, article), 80)).toBe('lamp, desk, chair');
    expect(inOneLine(seenOfToken(flow, outputs, null, { title: 'Id', expression: '', arrays: ["body('Filter')"], tail: "?['id']" }), 80)).toBe('2');
  });
});

describe('undo', () => {
  it('goes back and forth, and typing is one step', () => {
    let history = begin('a');
    history = change(history, 'ab', 'field');
    history = change(history, 'abc', 'field');
    expect(undo(history).present).toBe('a');
    expect(redo(undo(history)).present).toBe('abc');
  });
});

describe('a comparison without a value', () => {
  const message = "The template language function 'greater' expects its first parameter to be of the same kind as the other: two numbers or two strings. The provided value is of type 'Null'.";
  it('is named by the path that was empty', () => {
    const step = (expression: Json): JsonObject => ({ type: 'If', expression });
    expect(emptyOperand(step({ and: [{ equals: [1, 1] }, { or: [{ greater: ["@triggerOutputs()?['body/order/amount_due']", 100] }] }] }), message)).toEqual({ what: 'order.amount_due', operator: 'greater', isNumber: true });
    expect(emptyOperand(step("@greater(variables('due'), triggerBody()?['least'])"), message)).toEqual({ what: 'due', operator: 'greater', isNumber: false });
  });
  it('is not guessed', () => {
    expect(emptyOperand({ type: 'If', expression: { or: [{ greater: ['@a()', 1] }, { greater: ['@b()', 1] }] } }, message)).toBeNull();
    expect(emptyOperand({ type: 'If', expression: { and: [{ less: ["@triggerBody()?['x']", 1] }] } }, message)).toBeNull();
    expect(emptyOperand({ type: 'Compose', inputs: '' }, 'The service answered 500.')).toBeNull();
  });
});
