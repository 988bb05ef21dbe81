/** What the forms of the panel read and write, without their fields. */
import { describe, expect, it } from 'vitest';
import { kindOf, parameterOf, withSecureParameter } from '../../src/flow-model/authentication';
import { addCase, casesOf, isMovable, moveCase, removeCase, renameCase, setCaseValue } from '../../src/flow-model/cases';
import { isBroken } from '../../src/flow-model/checker';
import { emptyDefinition, findAction, type JsonObject } from '../../src/flow-model/definition';
import { durationInWords, durationOf, secondsOf, simpleOf } from '../../src/flow-model/duration';
import { wrapInForeach } from '../../src/flow-model/edits';
import { marksOf } from '../../src/flow-model/marks';
import { clockOf, fitsForm, parseNumbers, weekDaysOf, withFrequency, withSchedule, withStart } from '../../src/flow-model/recurrence';
import { itemExpression, listsOf, standing, tokensOfSample, tokensOfSchema, type ContentToken } from '../../src/flow-model/tokens';
import { recurrenceInWords } from '../../src/features/designer/forms/recurrence-words';

const flow = (actions: JsonObject, more: JsonObject = {}): JsonObject => ({ ...emptyDefinition(), triggers: { manual: { type: 'Request' } }, actions, ...more });
const must = <T>(value: T | null | undefined): T => {
  if (value === null || value === undefined) throw new Error('nothing there');
  return value;
};

describe('cases', () => {
  const start = flow({ Choose: { type: 'Switch', expression: '', cases: { One: { case: 1, actions: { A: { type: 'Compose', inputs: '' } } }, Two: { case: 2, actions: {} } }, default: { actions: {} } } });
  const names = (definition: JsonObject) => casesOf(must(findAction(definition, 'Choose')).action).map((own) => own.name);
  it('are renamed where they are, with what is in them', () => {
    const renamed = must(renameCase(start, 'Choose', 'One', ' First '));
    expect(names(renamed)).toEqual(['First', 'Two']);
    expect(findAction(renamed, 'A')?.place).toEqual(['actions', 'Choose', 'cases', 'First', 'actions']);
  });
  it('do not take a name that is taken, in any case, or none', () => {
    expect(renameCase(start, 'Choose', 'One', 'two')).toBeNull();
    expect(renameCase(start, 'Choose', 'One', '  ')).toBeNull();
    expect(renameCase(start, 'Choose', 'One', 'one')).not.toBeNull();
  });
  it('are added, valued, moved and removed', () => {
    const added = addCase(addCase(start, 'Choose'), 'Choose');
    expect(names(added)).toEqual(['One', 'Two', 'Case', 'Case_2']);
    expect(names(moveCase(added, 'Choose', 'Case', -1))).toEqual(['One', 'Case', 'Two', 'Case_2']);
    expect(moveCase(added, 'Choose', 'One', -1)).toBe(added);
    expect(casesOf(must(findAction(setCaseValue(added, 'Choose', 'Case', 'x'), 'Choose')).action)[2]).toEqual({ name: 'Case', value: 'x' });
    expect(names(removeCase(added, 'Choose', 'One'))).toEqual(['Two', 'Case', 'Case_2']);
  });
  it('that look like numbers stay in front, and are not offered to be moved', () => {
    expect([isMovable('7'), isMovable('07'), isMovable('Seven')]).toEqual([false, true, true]);
  });
});

describe('durations', () => {
  it.each([['PT1H30M', 5_400], ['P1DT12H', 129_600], ['PT0.5S', 0.5], ['P1W', 604_800], ['P1M', 2_592_000], ['PT', null], ['P', null], ['1H', null], ['PT1M1H', null]])('%s', (text, seconds) => expect(secondsOf(text)).toBe(seconds));
  it('are a number and a unit where they are that simple', () => {
    expect(simpleOf('PT90S')).toEqual({ count: 90, unit: 'second' });
    expect(simpleOf('PT1H30M')).toBeNull();
    for (const unit of ['second', 'minute', 'hour', 'day', 'week'] as const) expect(simpleOf(durationOf(3, unit))).toEqual({ count: 3, unit });
  });
  it('are said', () => {
    expect(durationInWords('P1DT2H', 'en')).toBe('1 day, 2 hours');
    expect(durationInWords('PT90S', 'de')).toBe('1 Minute, 30 Sekunden');
    expect(durationInWords('soon', 'en')).toBe('');
  });
});

describe('timetables', () => {
  const weekly: JsonObject = { frequency: 'week', interval: 2, schedule: { weekDays: ['Friday', 'monday'], hours: ['9', 17], minutes: 0 } };
  it('read what others wrote', () => {
    expect(weekDaysOf(weekly)).toEqual(['Monday', 'Friday']);
    expect(recurrenceInWords(weekly, 'en', undefined)).toBe('Every 2 weeks on Monday and Friday at 09:00 and 17:00');
    expect(recurrenceInWords({ frequency: 'Month', interval: 1, schedule: { monthDays: [1, -1] }, timeZone: 'X' }, 'de', 'Berlin')).toBe('Jeden Monat am 1. und letzten Tag nach den Uhren von Berlin');
    expect(recurrenceInWords({ frequency: '@{x}' }, 'en', undefined)).toBe('');
  });
  it('keep only what another unit can have', () => {
    expect(withFrequency(weekly, 'Day')).toEqual({ frequency: 'Day', interval: 2, schedule: { hours: ['9', 17], minutes: 0 } });
    expect(withFrequency(weekly, 'Hour')).toEqual({ frequency: 'Hour', interval: 2 });
    expect(withSchedule({ frequency: 'Day', schedule: { hours: [1] } }, 'hours', [])).toEqual({ frequency: 'Day' });
  });
  it('begin by the clocks of their zone, or at UTC', () => {
    expect(withStart({ interval: 1 }, '2044-01-01T09:00', 'Tokyo Standard Time')).toEqual({ interval: 1, startTime: '2044-01-01T09:00:00', timeZone: 'Tokyo Standard Time' });
    expect(withStart({ interval: 1 }, '2044-01-01T09:00:30', undefined)).toEqual({ interval: 1, startTime: '2044-01-01T09:00:30Z' });
    expect(clockOf({ startTime: '2044-01-01T09:00:00Z' })).toBe('2044-01-01T09:00:00');
    expect(clockOf({ startTime: '2044-01-01T09:00:00+02:00' })).toBeNull();
    expect(clockOf({ startTime: '2044-01-01T09:00:00Z', timeZone: 'X' })).toBeNull();
  });
  it('are left to the JSON where the form would lose something', () => {
    expect(fitsForm(weekly)).toBe(true);
    expect(fitsForm({ frequency: 'Month', interval: 1, schedule: { monthlyOccurrences: [] } })).toBe(false);
    expect(fitsForm({ frequency: 'Day', interval: "@parameters('n')" })).toBe(false);
    expect([parseNumbers('0, 15;30 15', 0, 59), parseNumbers('0, 60', 0, 59), parseNumbers('', 0, 59)]).toEqual([[0, 15, 30], null, []]);
  });
});

describe('authentication', () => {
  it('is told by its kind, in any case; what has no kind is left to the JSON', () => {
    expect(kindOf({ type: 'basic' })?.type).toBe('Basic');
    expect([kindOf(undefined), kindOf({ type: 'None' })]).toEqual([null, null]);
    expect([kindOf("@parameters('$authentication')"), kindOf({ type: 'Magic' })]).toEqual([undefined, undefined]);
  });
  it('keeps secrets in parameters under a name of their own', () => {
    const first = withSecureParameter(emptyDefinition(), 'HTTP_password');
    const second = withSecureParameter(first.definition, 'HTTP_password');
    expect([first.name, second.name]).toEqual(['HTTP_password', 'HTTP_password_2']);
    expect(second.definition['parameters']).toEqual({ HTTP_password: { type: 'SecureString' }, HTTP_password_2: { type: 'SecureString' } });
    expect([parameterOf("@parameters('a''b')"), parameterOf("x@{parameters('a')}")]).toEqual(["a'b", null]);
  });
});

describe('marks', () => {
  it('say what is special, and nothing of what is usual', () => {
    expect(marksOf({ type: 'Http', runAfter: { A: ['Succeeded'] }, inputs: { retryPolicy: { type: 'default' } } })).toEqual([]);
    expect(marksOf({ type: 'Http', runAfter: { A: ['Succeeded', 'Failed'] }, limit: { timeout: 'PT1M' }, inputs: { retryPolicy: { type: 'none' } }, runtimeConfiguration: { secureData: { properties: ['inputs'] }, staticResult: { name: 'x', staticResultOptions: 'Enabled' } } })).toEqual(['runAfter', 'retry', 'timeout', 'secure', 'static']);
    expect(marksOf({ type: 'Foreach', operationOptions: 'Sequential' })).toEqual(['concurrency']);
    expect(marksOf({ type: 'Request', splitOn: '@triggerBody()', conditions: [{ expression: '@true' }] })).toEqual(['splitOn', 'conditions']);
    expect(marksOf({ type: 'Until', limit: { timeout: 'PT1H' } })).toEqual([]);
  });
});

describe('tokens below lists', () => {
  const told = [
    { title: 'Orders', expression: "triggerBody()?['orders']", type: 'array' },
    { title: 'Order', expression: 'item()', in_array: "triggerBody()?['orders']" },
    { title: 'Number', expression: "item()?['number']", in_array: "triggerBody()?['orders']" },
    { title: 'Lines', expression: "item()?['lines']", in_array: "triggerBody()?['orders']", type: 'array' },
    { title: 'Article', expression: "item()?['article']", in_array: "item()?['lines']" },
    { title: 'Hidden', expression: "item()?['id']", in_array: "item()?['lines']", visibility: 'internal' },
  ];
  const tokens = tokensOfSchema(told, "body('Read')");
  const titled = (title: string): ContentToken => must(tokens.find((token) => token.title === title));
  it('know all lists around them', () => {
    expect(titled('Orders').expression).toBe("body('Read')?['orders']");
    expect(titled('Number')).toMatchObject({ arrays: ["body('Read')?['orders']"], tail: "?['number']" });
    expect(titled('Article')).toMatchObject({ arrays: ["body('Read')?['orders']", "?['lines']"], tail: "?['article']" });
    expect(tokens.some((token) => token.title === 'Hidden')).toBe(false);
  });
  it('are read from the items of the loops around a step; loops that are missing can be added one by one', () => {
    let definition = flow({ Read: { type: 'Http', inputs: {} }, Say: { type: 'Compose', inputs: '', runAfter: { Read: ['Succeeded'] } } });
    const arrays = must(titled('Article').arrays);
    expect(itemExpression(definition, 'Say', titled('Article'))).toBeNull();
    definition = wrapInForeach(definition, 'Say', standing(definition, 'Say', arrays).next, 'Orders').definition;
    expect(itemExpression(definition, 'Say', titled('Number'))).toBe("items('Orders')?['number']");
    expect(standing(definition, 'Say', arrays)).toEqual({ depth: 1, item: "items('Orders')", next: "items('Orders')?['lines']" });
    definition = wrapInForeach(definition, 'Say', standing(definition, 'Say', arrays).next, 'Lines').definition;
    expect(itemExpression(definition, 'Say', titled('Article'))).toBe("items('Lines')?['article']");
    expect(itemExpression(definition, 'Say', titled('Number'))).toBe("items('Orders')?['number']");
    expect(listsOf(definition, "items('Orders')?['lines']")).toEqual(arrays);
  });
  it('are read by item() in a step that goes through the list itself', () => {
    const definition = flow({ Shape: { type: 'Select', inputs: { from: "@body('Read')?['orders']", select: {} } } });
    expect(itemExpression(definition, 'Shape', titled('Number'))).toBe("item()?['number']");
    expect(itemExpression(definition, 'Shape', titled('Article'))).toBeNull();
  });
  it('come from samples as well', () => {
    const sampled = tokensOfSample({ orders: [{ number: 1, lines: [{ article: 'chair' }] }] }, 'triggerBody()');
    expect(must(sampled.find((token) => token.title === 'Orders lines article'))).toMatchObject({ arrays: ["triggerBody()?['orders']", "?['lines']"], tail: "?['article']", sampled: true });
    expect(tokensOfSample([{ a: 1 }], 'triggerBody()')[0]).toMatchObject({ arrays: ['triggerBody()'], tail: "?['a']" });
  });
});

describe('broken tokens', () => {
  it('speak of variables and parameters that nobody declares', () => {
    const definition = flow({ Declare: { type: 'InitializeVariable', inputs: { variables: [{ name: 'Total', type: 'integer' }] } }, Say: { type: 'Compose', inputs: '' } }, { parameters: { key: { type: 'String' } } });
    const broken = (expression: string) => isBroken(definition, expression, 'Say');
    expect([broken("variables('total')"), broken("variables('gone')"), broken("parameters('key')"), broken("parameters('gone')"), broken("parameters('$connections')")]).toEqual([false, true, false, true, false]);
  });
});
