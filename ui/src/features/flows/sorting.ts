/** The order of the list of flows, and the tags in it. */
import type { FlowListed } from '../../api/types';

export const ORDERS = ['newest', 'name', 'changed', 'ran', 'failing'] as const;
export type Order = (typeof ORDERS)[number];

export const orderOf = (text: string | undefined): Order => ORDERS.find((order) => order === text) ?? 'newest';

const failures = (flow: FlowListed): number => flow.recent.filter((status) => status === 'Failed' || status === 'TimedOut').length;

const compare: { [order in Order]: (one: FlowListed, two: FlowListed) => number } = {
  newest: () => 0,
  name: (one, two) => one.name.localeCompare(two.name, undefined, { numeric: true, sensitivity: 'base' }),
  changed: (one, two) => two.updated_at.localeCompare(one.updated_at),
  ran: (one, two) => (two.last_run?.started_at ?? '').localeCompare(one.last_run?.started_at ?? ''),
  failing: (one, two) => failures(two) - failures(one),
};

/** The flows in an order; those that are equal in it stay as they came, newest first. */
export const sorted = (flows: readonly FlowListed[], order: Order): FlowListed[] => [...flows].sort(compare[order]);

/** All tags with the number of flows that have them, by name. */
export function tagsOf(flows: readonly FlowListed[]): [tag: string, count: number][] {
  const counts = new Map<string, number>();
  for (const flow of flows) for (const tag of flow.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts.entries()].sort(([one], [two]) => one.localeCompare(two));
}

/** Tags as a person typed them, separated by commas. */
export const tagsFrom = (text: string): string[] => [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))];
