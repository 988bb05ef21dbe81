/** Where two JSON values differ, as paths with both sides. */
import type { Json } from '../../api/types';

export interface Difference {
  /** Members and places, joined as people write them: `body.commits[0].id`; empty for the whole. */
  path: string;
  /** Undefined where this side has nothing there. */
  ours: Json | undefined;
  theirs: Json | undefined;
}

/** Nobody reads more. */
export const DIFFERENCES_MAX = 200;

const isBranch = (value: Json | undefined): value is Json[] | { [member: string]: Json } => typeof value === 'object' && value !== null;
const below = (path: string, key: string, inArray: boolean) => (inArray ? `${path}[${key}]` : /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key) ? (path ? `${path}.${key}` : key) : `${path}[${JSON.stringify(key)}]`);

/** The differences in order, outer ones first; at most {@link DIFFERENCES_MAX} and one more, which says that there are others. */
export function differences(ours: Json | undefined, theirs: Json | undefined): Difference[] {
  const found: Difference[] = [];
  const look = (path: string, a: Json | undefined, b: Json | undefined): void => {
    if (found.length > DIFFERENCES_MAX) return;
    if (isBranch(a) && isBranch(b) && Array.isArray(a) === Array.isArray(b)) {
      const inArray = Array.isArray(a);
      const [left, right] = [a as { [member: string]: Json }, b as { [member: string]: Json }];
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) look(below(path, key, inArray), left[key], right[key]);
      return;
    }
    if (JSON.stringify(a) !== JSON.stringify(b)) found.push({ path, ours: a, theirs: b });
  };
  look('', ours, theirs);
  return found;
}
