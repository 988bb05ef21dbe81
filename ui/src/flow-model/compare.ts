/** Two versions of a flow: what differs, and both in one where they do not contradict each other. */
import { forEachAction, isObject, runAfterOf, triggerOf, type Json, type JsonObject } from './definition';
import { hasCircle } from './order';

export interface Difference {
  /** Null is the trigger. */
  step: string | null;
  kind: 'added' | 'removed' | 'changed';
}

const NESTED = new Set(['actions', 'else', 'cases', 'default']);
/** A step without what is inside of it: a change in a branch is told by the inner step alone. */
const own = (step: JsonObject): string => JSON.stringify(sorted(Object.fromEntries(Object.entries(step).filter(([member, value]) => !NESTED.has(member) || !isObject(value)))));

const sorted = (value: Json): Json =>
  Array.isArray(value) ? value.map(sorted) : isObject(value) ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key] as Json)])) : value;

function steps(definition: JsonObject): Map<string | null, string> {
  const found = new Map<string | null, string>();
  const trigger = triggerOf(definition);
  if (trigger) found.set(null, trigger.name + own(trigger.trigger));
  forEachAction(definition, (name, action, place) => found.set(name, place.join('/') + own(action)));
  return found;
}

/** What another version has more, less, or otherwise than this one. */
export function differences(one: JsonObject, other: JsonObject): Difference[] {
  const here = steps(one);
  const there = steps(other);
  const result: Difference[] = [];
  for (const [step, text] of there) {
    if (!here.has(step)) result.push({ step, kind: 'added' });
    else if (here.get(step) !== text) result.push({ step, kind: 'changed' });
  }
  for (const step of here.keys()) if (!there.has(step)) result.push({ step, kind: 'removed' });
  return result;
}

const same = (a: Json | undefined, b: Json | undefined) => a === b || (a !== undefined && b !== undefined && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));

/** Undefined where a member is gone; throws where both changed the same value in different ways. */
function merge(base: Json | undefined, mine: Json | undefined, theirs: Json | undefined): Json | undefined {
  if (same(mine, theirs) || same(base, theirs)) return mine;
  if (same(base, mine)) return theirs;
  if (!isObject(mine) || !isObject(theirs)) throw new Contradiction();
  const held = isObject(base) ? base : {};
  const result: JsonObject = {};
  for (const key of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const value = merge(held[key], mine[key], theirs[key]);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

class Contradiction extends Error {}

/** Both changes in one definition. Null where they contradict each other, or would not be a whole flow together. */
export function merged(base: JsonObject, mine: JsonObject, theirs: JsonObject): JsonObject | null {
  let both: Json | undefined;
  try {
    both = merge(base, mine, theirs);
  } catch (error) {
    if (error instanceof Contradiction) return null;
    throw error;
  }
  if (!isObject(both) || Object.keys(isObject(both['triggers']) ? both['triggers'] : {}).length > 1) return null;
  const names = new Set<string>();
  const places = new Map<string, { [name: string]: JsonObject }>();
  let whole = true;
  forEachAction(both, (name, action, place) => {
    if (names.has(name)) whole = false;
    names.add(name);
    const key = place.join('/');
    places.set(key, { ...places.get(key), [name]: action });
  });
  for (const actions of places.values()) {
    if (hasCircle(actions) || Object.values(actions).some((action) => Object.keys(runAfterOf(action)).some((other) => !(other in actions)))) whole = false;
  }
  return whole ? both : null;
}
