/** Columns of the history that show what the trigger gave: a value of each run, by its path. */
import { MenuDivider, MenuGroup, MenuGroupHeader, MenuItemCheckbox } from '@fluentui/react-components';
import { skipToken, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Json } from '../../api/types';
import { useText } from '../../shared/language';
import { runsText } from './text';

/** Whoever chose columns of a flow finds them again, in this browser. */
const keyOf = (flow: string) => `hookmill-run-data ${flow}`;
/** Each column asks for the trigger's data of every run in view, once. */
export const DATA_COLUMNS_MAX = 4;
const PATHS_MAX = 30;
const DEPTH_MAX = 4;
const TEXT_CHARS_MAX = 80;

/** A path as one text: member names with `/` between them, which no name of a column needs to be told apart by. */
export const pathText = (path: readonly string[]): string => path.map((part) => part.replace(/~/g, '~0').replace(/\//g, '~1')).join('/');
const partsOf = (path: string): string[] => path.split('/').map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));

/** What a path leads to; undefined where there is nothing. */
export function valueAtPath(value: Json | undefined, path: string): Json | undefined {
  let found: Json | undefined = value;
  for (const part of partsOf(path)) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Array.isArray(found) ? found[Number(part)] : found[part];
  }
  return found;
}

/** The paths of texts, numbers and truths in data that was seen, those near the top first. */
export function pathsOf(value: Json | undefined): string[] {
  const found: string[][] = [];
  const walk = (held: Json | undefined, path: string[]) => {
    if (typeof held === 'object' && held !== null) {
      if (path.length < DEPTH_MAX && !Array.isArray(held)) for (const [name, inner] of Object.entries(held)) walk(inner, [...path, name]);
    } else if (path.length > 0 && held !== undefined) found.push(path);
  };
  walk(value, []);
  return found.sort((a, b) => a.length - b.length).slice(0, PATHS_MAX).map(pathText);
}

export const cellText = (value: Json | undefined): string => {
  const text = value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
};

function useBody(run: string | undefined) {
  return useQuery({
    queryKey: ['run-trigger', run],
    queryFn: run === undefined ? skipToken : ({ signal }) => api.get('/api/runs/{id}/trigger/outputs', { path: { id: run }, signal }),
    staleTime: Infinity,
    select: (outputs) => (outputs as { body?: Json } | null)?.body,
  });
}

export function useDataColumns(flow: string): [readonly string[], (columns: readonly string[]) => void] {
  const read = (): string[] => (window.localStorage.getItem(keyOf(flow)) ?? '').split('\n').filter(Boolean).slice(0, DATA_COLUMNS_MAX);
  const [columns, setColumns] = useState<readonly string[]>(read);
  const choose = (chosen: readonly string[]) => {
    const next = chosen.slice(-DATA_COLUMNS_MAX);
    setColumns(next);
    window.localStorage.setItem(keyOf(flow), next.join('\n'));
  };
  return [columns, choose];
}

/** What a column is called: the last name of its path. */
export const columnTitle = (path: string): string => partsOf(path).at(-1) ?? path;

export function DataCell({ run, path }: { run: string; path: string }) {
  const body = useBody(run);
  const value = valueAtPath(body.data, path);
  return <td className="data-cell" title={cellText(value)}>{cellText(value)}</td>;
}

/** The entries of the menu *Choose columns*: paths of the newest run's data, and those that are shown already. */
export function DataColumnItems({ newest, chosen }: { newest: string | undefined; chosen: readonly string[] }) {
  const t = useText(runsText);
  const body = useBody(newest);
  const paths = [...new Set([...chosen, ...pathsOf(body.data)])];
  if (paths.length === 0) return null;
  return (
    <>
      <MenuDivider />
      <MenuGroup>
        <MenuGroupHeader>{t.fromTrigger}</MenuGroupHeader>
        {paths.map((path) => <MenuItemCheckbox key={path} name="data" value={path}>{partsOf(path).join(' › ')}</MenuItemCheckbox>)}
      </MenuGroup>
    </>
  );
}
