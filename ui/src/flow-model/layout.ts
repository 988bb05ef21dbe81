/** Automatic layout: cards from top to bottom, branches side by side, containers around their branches. */
import { actionsAt, branchesOf, branchPlace, forEachAction, isObject, ROOT, runAfterOf, triggerOf, type Branch, type JsonObject, type Place } from './definition';
import { lastOf, rowsOf } from './order';
import type { Position } from './edits';

export const CARD = { width: 300, height: 60 };
const GAP_X = 48;
const GAP_Y = 60;
const PAD = 16;
const HEAD = 60;
const BRANCH_HEAD = 30;
/** From the top of a branch to its first card: room for a line with *+*. */
const LEAD = 52;
const ADD = { width: 130, height: 32 };
/** From the last card to the button that adds another. */
const ADD_GAP = 34;

export interface Box {
  id: string;
  /** `start` is the point where the line into a branch begins. */
  kind: 'trigger' | 'card' | 'container' | 'branch' | 'add' | 'start';
  x: number;
  y: number;
  width: number;
  height: number;
  /** The action's name; for a branch or an add button the container's. Null for the trigger. */
  name: string | null;
  branch?: Branch;
  /** Where an add button adds. */
  position?: Position;
  /** Of a container that is drawn closed: how many steps stand inside. */
  inside?: number;
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
const startId = (place: Place) => `start:${place.join('/')}`;

function stepsInside(definition: JsonObject, name: string, action: JsonObject, place: Place): number {
  let count = 0;
  for (const branch of branchesOf(action)) forEachAction(definition, () => (count += 1), branchPlace(place, name, branch));
  return count;
}

/** Places the cards of a definition. Folded containers are drawn closed, as plain cards. */
export function layout(definition: JsonObject, folded: ReadonlySet<string> = new Set()): Layout {
  const boxes: Box[] = [];
  const lines: Line[] = [];

  const sizeAction = (name: string, action: JsonObject, place: Place, depth: number): Sized => {
    const branches = branchesOf(action);
    if (branches.length === 0 || folded.has(name)) {
      const closed = branches.length > 0 ? { inside: stepsInside(definition, name, action, place) } : {};
      return {
        ...CARD,
        draw: (x, y) => boxes.push({ id: name, kind: 'card', x, y, ...CARD, name, ...closed, depth }),
      };
    }
    const sized = branches.map((branch) => ({ branch, inner: sizePlace(branchPlace(place, name, branch), depth + 1) }));
    const only = sized[0];
    if (only && sized.length === 1) {
      // One branch needs no frame of its own inside the container.
      const width = only.inner.width + 2 * PAD;
      const height = HEAD + only.inner.height + PAD;
      return {
        width,
        height,
        draw: (x, y) => {
          boxes.push({ id: name, kind: 'container', x, y, width, height, name, depth });
          only.inner.draw(x + PAD, y + HEAD);
        },
      };
    }
    const gap = PAD;
    const innerWidth = sized.reduce((sum, { inner }) => sum + inner.width + 2 * PAD, 0) + gap * (sized.length - 1);
    const width = Math.max(CARD.width, innerWidth) + 2 * PAD;
    const innerHeight = Math.max(...sized.map(({ inner }) => inner.height)) + BRANCH_HEAD + PAD;
    const height = HEAD + PAD + innerHeight + PAD;
    return {
      width,
      height,
      draw: (x, y) => {
        boxes.push({ id: name, kind: 'container', x, y, width, height, name, depth });
        let left = x + (width - innerWidth) / 2;
        for (const { branch, inner } of sized) {
          const at = branchPlace(place, name, branch);
          const branchWidth = inner.width + 2 * PAD;
          boxes.push({ id: branchId(at), kind: 'branch', x: left, y: y + HEAD + PAD, width: branchWidth, height: innerHeight, name, branch, depth: depth + 1 });
          inner.draw(left + PAD, y + HEAD + PAD + BRANCH_HEAD);
          left += branchWidth + gap;
        }
      },
    };
  };

  /** The cards of one place; without cards only a button that adds the first. */
  const sizePlace = (place: Place, depth: number): Sized => {
    const actions = Object.fromEntries(Object.entries(actionsAt(definition, place)).filter(([, action]) => isObject(action)));
    const rows = rowsOf(actions).map((row) => row.map((name) => ({ name, size: sizeAction(name, actions[name] as JsonObject, place, depth) })));
    const rowWidth = (row: { size: Sized }[]) => row.reduce((sum, { size }) => sum + size.width, 0) + GAP_X * (row.length - 1);
    const width = Math.max(CARD.width, ...rows.map(rowWidth));
    const rowsHeight = rows.reduce((sum, row) => sum + Math.max(...row.map(({ size }) => size.height)) + GAP_Y, 0);
    const last = lastOf(actions);
    const isRoot = place.length === 1;
    const end: Position = { place, after: last.length > 0 ? (last.at(-1) ?? null) : null };
    const lead = isRoot ? 0 : rows.length > 0 ? LEAD : PAD;
    return {
      width,
      height: lead + (rows.length > 0 ? rowsHeight - GAP_Y + ADD_GAP : 0) + ADD.height,
      draw: (x, y) => {
        const centre = new Map<string, number>();
        let top = y + lead;
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
        boxes.push({ id: addId(place), kind: 'add', x: x + (width - ADD.width) / 2, y: top - (rows.length > 0 ? GAP_Y - ADD_GAP : 0), ...ADD, name: null, position: end, depth });
        const from = isRoot ? TRIGGER_ID : startId(place);
        if (!isRoot && rows.length > 0) boxes.push({ id: from, kind: 'start', x: x + width / 2 - 1, y, width: 2, height: 2, name: null, depth });
        for (const [name, action] of Object.entries(actions)) {
          const parents = Object.entries(runAfterOf(action));
          if (parents.length === 0) {
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

const isCard = (box: Box) => box.kind === 'card' || box.kind === 'container' || box.kind === 'trigger';

/** The card that an arrow key leads to: up and down along the lines and into containers, left and right to what is beside. */
export function neighbour(layout: Layout, from: string, key: string): Box | null {
  const byId = new Map(layout.boxes.map((box) => [box.id, box]));
  const here = byId.get(from);
  if (!here) return null;
  const centre = (box: Box) => box.x + box.width / 2;
  const holds = (outer: Box, box: Box) => outer !== box && outer.x <= box.x && outer.y <= box.y && outer.x + outer.width >= box.x + box.width && outer.y + outer.height >= box.y + box.height;
  const cards = layout.boxes.filter(isCard);
  const around = (box: Box) => cards.filter((outer) => outer.kind === 'container' && holds(outer, box)).sort((a, b) => b.depth - a.depth)[0] ?? null;
  const nearest = (boxes: Box[]) => boxes.sort((a, b) => Math.abs(centre(a) - centre(here)) - Math.abs(centre(b) - centre(here)) || a.x - b.x)[0] ?? null;
  const along = (ids: string[]) => nearest(ids.flatMap((id) => byId.get(id) ?? []).filter(isCard));
  if (key === 'ArrowDown') {
    if (here.kind === 'container') {
      const inside = cards.filter((box) => holds(here, box));
      const top = Math.min(...inside.map((box) => box.y));
      const first = inside.filter((box) => box.y === top).sort((a, b) => a.x - b.x)[0];
      if (first) return first;
    }
    for (let at: Box | null = here; at; at = around(at)) {
      const next = along(layout.lines.filter((line) => line.from === at?.id).map((line) => line.to));
      if (next) return next;
    }
    return null;
  }
  if (key === 'ArrowUp') return along(layout.lines.filter((line) => line.to === from).map((line) => line.from)) ?? around(here);
  const sign = key === 'ArrowRight' ? 1 : -1;
  const beside = cards.filter((box) => !holds(box, here) && !holds(here, box) && (centre(box) - centre(here)) * sign > 8);
  const rate = (box: Box) => Math.abs(box.y - here.y) * 2 + Math.abs(centre(box) - centre(here));
  return beside.sort((a, b) => rate(a) - rate(b))[0] ?? null;
}
