/** The flow model: every edit keeps the definition whole. */
import { describe, expect, it } from 'vitest';
import { check, isBroken } from '../../src/flow-model/checker';
import { formatRows, parseCondition } from '../../src/flow-model/condition';
import { actionsAt, branchesOf, emptyDefinition, findAction, freeName, nameOf, ROOT, runAfterOf, type JsonObject } from '../../src/flow-model/definition';
import { addAction, copied, ensureBranches, moveActions, paste, removeActions, renameAction, setTrigger, wrapInForeach } from '../../src/flow-model/edits';
import { layout } from '../../src/flow-model/layout';
import { formatTemplate, mentionsOf, parseTemplate, renameReferences } from '../../src/flow-model/references';
import { tokensOfSample, valueOfPath } from '../../src/flow-model/tokens';
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
  it('are read from known bodies, for plain paths alone', () => {
    const bodies = new Map<string | null, JsonObject>([[null, { pusher: { name: 'Ada' } }], ["It's", { ok: true }]]);
    expect(valueOfPath("triggerBody()?['pusher']?['name']", bodies)).toBe('Ada');
    expect(valueOfPath("triggerOutputs()?['body/pusher/name']", bodies)).toBe('Ada');
    expect(valueOfPath("body('It''s')?['ok']", bodies)).toBe(true);
    expect(valueOfPath("toUpper(triggerBody()?['pusher'])", bodies)).toBeUndefined();
    expect(valueOfPath("body('Nobody')?['x']", bodies)).toBeUndefined();
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
