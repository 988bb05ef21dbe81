/** Automatic layout: cards from top to bottom, branches side by side, containers around their branches. */
import { actionsAt, branchesOf, branchPlace, isObject, ROOT, runAfterOf, triggerOf, type Branch, type JsonObject, type Place } from './definition';
import { lastOf, rowsOf } from './order';
import type { Position } from './edits';

export const CARD = { width: 280, height: 60 };
const GAP_X = 56;
const GAP_Y = 64;
const PAD = 20;
const HEAD = 60;
const BRANCH_HEAD = 34;
const FOOT = 56;

export interface Box {
  id: string;
  kind: 'trigger' | 'card' | 'container' | 'branch' | 'add';
  x: number;
  y: number;
  width: number;
  height: number;
  /** The action's name; for a branch or an add button the container's. Null for the trigger. */
  name: string | null;
  branch?: Branch;
  /** Where an add button adds. */
  position?: Position;
  depth: number;
}

export interface Line {
  id: string;
  from: string;
  to: string;
  /** Where *+* on this line adds. */
  position: Position | null;
  /** Statuses other than success that the line stands for. */
  statuses: string[];
}

export interface Layout {
  boxes: Box[];
  lines: Line[];
  width: number;
  height: number;
}

interface Sized {
  width: number;
  height: number;
  draw: (x: number, y: number) => void;
}

export const TRIGGER_ID = '$trigger';
const branchId = (place: Place) => `branch:${place.join('/')}`;
const addId = (place: Place) => `add:${place.join('/')}`;

/** Places the cards of a definition. Names of collapsed containers are drawn closed, as plain cards. */
export function layout(definition: JsonObject, collapsed: ReadonlySet<string> = new Set()): Layout {
  const boxes: Box[] = [];
  const lines: Line[] = [];

  const sizeAction = (name: string, action: JsonObject, place: Place, depth: number): Sized => {
    const branches = collapsed.has(name) ? [] : branchesOf(action);
    if (branches.length === 0) {
      return {
        ...CARD,
        draw: (x, y) => boxes.push({ id: name, kind: 'card', x, y, ...CARD, name, depth }),
      };
    }
    const sized = branches.map((branch) => ({ branch, inner: sizePlace(branchPlace(place, name, branch), depth + 1) }));
    const innerWidth = sized.reduce((sum, { inner }) => sum + inner.width + 2 * PAD, 0) + GAP_X / 2 * (sized.length - 1);
    const width = Math.max(CARD.width, innerWidth) + 2 * PAD;
    const innerHeight = Math.max(...sized.map(({ inner }) => inner.height)) + BRANCH_HEAD + 2 * PAD;
    const height = HEAD + innerHeight + PAD;
    return {
      width,
      height,
      draw: (x, y) => {
        boxes.push({ id: name, kind: 'container', x, y, width, height, name, depth });
        let left = x + (width - innerWidth) / 2;
        for (const { branch, inner } of sized) {
          const at = branchPlace(place, name, branch);
          const branchWidth = inner.width + 2 * PAD;
          boxes.push({ id: branchId(at), kind: 'branch', x: left, y: y + HEAD, width: branchWidth, height: innerHeight, name, branch, depth: depth + 1 });
          inner.draw(left + PAD, y + HEAD + BRANCH_HEAD + PAD);
          left += branchWidth + GAP_X / 2;
        }
      },
    };
  };

  /** The cards of one place; without cards only a button that adds the first. `entry` is what leads in. */
  const sizePlace = (place: Place, depth: number, entry: string | null = null): Sized => {
    const actions = Object.fromEntries(Object.entries(actionsAt(definition, place)).filter(([, action]) => isObject(action)));
    const rows = rowsOf(actions).map((row) => row.map((name) => ({ name, size: sizeAction(name, actions[name] as JsonObject, place, depth) })));
    const rowWidth = (row: { size: Sized }[]) => row.reduce((sum, { size }) => sum + size.width, 0) + GAP_X * (row.length - 1);
    const width = Math.max(CARD.width, ...rows.map(rowWidth));
    const rowsHeight = rows.reduce((sum, row) => sum + Math.max(...row.map(({ size }) => size.height)) + GAP_Y, 0);
    const last = lastOf(actions);
    const isRoot = place.length === 1;
    const end: Position = { place, after: last.length > 0 ? (last.at(-1) ?? null) : null };
    return {
      width,
      height: rowsHeight + FOOT - 12,
      draw: (x, y) => {
        const centre = new Map<string, number>();
        let top = y;
        for (const row of rows) {
          // Branches stay below what they follow, so that lines seldom cross.
          const wish = (name: string) => {
            const parents = Object.keys(runAfterOf(actions[name] as JsonObject)).flatMap((parent) => centre.get(parent) ?? []);
            return parents.length ? parents.reduce((a, b) => a + b, 0) / parents.length : 0;
          };
          const sorted = row.length > 1 ? [...row].sort((a, b) => wish(a.name) - wish(b.name)) : row;
          let left = x + (width - rowWidth(row)) / 2;
          for (const { name, size } of sorted) {
            size.draw(left, top);
            centre.set(name, left + size.width / 2);
            left += size.width + GAP_X;
          }
          top += Math.max(...row.map(({ size }) => size.height)) + GAP_Y;
        }
        boxes.push({ id: addId(place), kind: 'add', x: x + width / 2 - 60, y: top - (rows.length ? 20 : 4), width: 120, height: 36, name: null, position: end, depth });
        for (const [name, action] of Object.entries(actions)) {
          const parents = Object.entries(runAfterOf(action));
          if (parents.length === 0 && (entry ?? (isRoot ? TRIGGER_ID : null))) {
            const from = entry ?? TRIGGER_ID;
            lines.push({ id: `${from}>${name}`, from, to: name, position: { place, after: null }, statuses: [] });
          }
          for (const [parent, statuses] of parents) {
            if (!(parent in actions)) continue;
            const special = Array.isArray(statuses) ? statuses.filter((status): status is string => typeof status === 'string' && status.toLowerCase() !== 'succeeded') : [];
            lines.push({ id: `${parent}>${name}`, from: parent, to: name, position: { place, after: parent }, statuses: special });
          }
        }
        for (const name of last) lines.push({ id: `${name}>${addId(place)}`, from: name, to: addId(place), position: null, statuses: [] });
      },
    };
  };

  const body = sizePlace(ROOT, 0);
  const hasTrigger = triggerOf(definition) !== null;
  boxes.push({ id: TRIGGER_ID, kind: 'trigger', x: (body.width - CARD.width) / 2, y: 0, ...CARD, name: null, depth: 0 });
  if (hasTrigger) {
    body.draw(0, CARD.height + GAP_Y);
    if (Object.keys(actionsAt(definition, ROOT)).length === 0) lines.push({ id: 'start', from: TRIGGER_ID, to: addId(ROOT), position: null, statuses: [] });
  }
  return { boxes, lines, width: body.width, height: CARD.height + GAP_Y + body.height };
}
