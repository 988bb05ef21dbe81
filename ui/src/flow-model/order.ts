/** What runs before what. */
import { actionsAt, branchesOf, branchPlace, containersOf, findAction, runAfterOf, triggerOf, typeOf, type JsonObject, type Place } from './definition';

/** The actions of one place by depth: each runs after something of an earlier row. Circles end up in the last row. */
export function rowsOf(actions: { [name: string]: JsonObject }): string[][] {
  const depth = new Map<string, number>();
  const visiting = new Set<string>();
  const depthOf = (name: string): number => {
    const known = depth.get(name);
    if (known !== undefined) return known;
    if (visiting.has(name)) return 0;
    visiting.add(name);
    let deepest = -1;
    for (const before of Object.keys(runAfterOf(actions[name] ?? {}))) {
      if (before in actions) deepest = Math.max(deepest, depthOf(before));
    }
    visiting.delete(name);
    depth.set(name, deepest + 1);
    return deepest + 1;
  };
  const rows: string[][] = [];
  for (const name of Object.keys(actions)) {
    const row = depthOf(name);
    (rows[row] ??= []).push(name);
  }
  return rows.filter((row) => row !== undefined);
}

/** Whether an action of the place waits, through others, for itself. */
export function hasCircle(actions: { [name: string]: JsonObject }): boolean {
  const done = new Set<string>();
  const open = new Set<string>();
  const closes = (name: string): boolean => {
    if (done.has(name) || !(name in actions)) return false;
    if (open.has(name)) return true;
    open.add(name);
    const found = Object.keys(runAfterOf(actions[name] ?? {})).some(closes);
    open.delete(name);
    done.add(name);
    return found;
  };
  return Object.keys(actions).some(closes);
}

/** Actions that no other action of the place runs after. */
export function lastOf(actions: { [name: string]: JsonObject }): string[] {
  const followed = new Set<string>();
  for (const action of Object.values(actions)) for (const before of Object.keys(runAfterOf(action))) followed.add(before);
  return Object.keys(actions).filter((name) => !followed.has(name));
}

/** Everything an action at `place` may read: what is before it through runAfter, and before the containers around it. */
export function before(definition: JsonObject, place: Place, name: string): string[] {
  const result: string[] = [];
  const walk = (at: Place, from: string) => {
    const actions = actionsAt(definition, at);
    const seen = new Set<string>();
    const visit = (current: string) => {
      for (const earlier of Object.keys(runAfterOf(actions[current] ?? {}))) {
        if (seen.has(earlier) || !(earlier in actions)) continue;
        seen.add(earlier);
        visit(earlier);
        result.push(earlier);
      }
    };
    visit(from);
  };
  walk(place, name);
  for (const container of containersOf(place).reverse()) {
    const found = findAction(definition, container);
    if (found) walk(found.place, container);
  }
  return result;
}

/** Whether a step goes through the items of its `from`, which `item()` then is. */
export const hasItems = (action: JsonObject): boolean => ['Query', 'Select', 'Table'].includes(typeOf(action));

export interface TokenSource {
  /** Null for the trigger. */
  name: string | null;
  /** `item`: the elements that the step itself goes through, as *Select* does. */
  kind: 'trigger' | 'action' | 'loop' | 'item' | 'variable';
  step: JsonObject | null;
}

/** Where the dynamic content for an action comes from, nearest first. `name` null asks for the trigger, which has none. */
export function tokenSources(definition: JsonObject, name: string | null): TokenSource[] {
  if (name === null) return [];
  const found = findAction(definition, name);
  if (!found) return [];
  const sources: TokenSource[] = [];
  if (hasItems(found.action)) sources.push({ name, kind: 'item', step: found.action });
  for (const container of containersOf(found.place).reverse()) {
    const outer = findAction(definition, container);
    if (outer && typeOf(outer.action) === 'Foreach') sources.push({ name: container, kind: 'loop', step: outer.action });
  }
  const add = (action: string) => {
    const own = findAction(definition, action);
    sources.push({ name: action, kind: typeOf(own?.action ?? {}) === 'InitializeVariable' ? 'variable' : 'action', step: own?.action ?? null });
    // What is inside of an earlier container has happened with it; the iterations of a loop are told apart by nobody outside.
    if (!own || typeOf(own.action) === 'Foreach') return;
    for (const branch of [...branchesOf(own.action)].reverse()) {
      for (const inner of rowsOf(actionsAt(definition, branchPlace(own.place, action, branch))).flat().reverse()) add(inner);
    }
  };
  for (const action of before(definition, found.place, name).reverse()) add(action);
  const trigger = triggerOf(definition);
  if (trigger) sources.push({ name: null, kind: 'trigger', step: trigger.trigger });
  return sources;
}
