/** Writing an expression: completion and documentation of functions, and its value with the data of the last run while one types. */
import { Button, SearchBox } from '@fluentui/react-components';
import type { CompletionSource } from '@codemirror/autocomplete';
import type { EditorView } from '@codemirror/view';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { ExpressionFunction } from '../../api/types';
import { Ago } from '../../shared/bits';
import { JsonView } from '../../shared/JsonView';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { useSettled } from '../../shared/settled';
import { useDesigner } from './context';
import { evaluate, useLastRun } from './last-run';
import { designerText } from './text';
import { useTokens } from './tokens';

/** After the last key. */
const PAUSE_MS = 350;
const LISTED_MAX = 40;

/** The cursor stands between the brackets. */
const call = (name: string) => (view: EditorView, _: unknown, from: number, to: number) =>
  view.dispatch({ changes: { from, to, insert: `${name}()` }, selection: { anchor: from + name.length + 1 } });

const exampleOf = (item: ExpressionFunction) => `${item.example} → ${typeof item.result === 'string' ? item.result : JSON.stringify(item.result)}`;

function Functions({ items, onChoose }: { items: ExpressionFunction[]; onChoose: (name: string) => void }) {
  const t = useText(designerText);
  const [search, setSearch] = useState('');
  const wanted = search.toLowerCase();
  const found = items.filter((item) => !wanted || `${item.name} ${item.category} ${item.description}`.toLowerCase().includes(wanted));
  // A name that fits counts more than a description that does.
  const sorted = [...found].sort((a, b) => Number(b.name.toLowerCase().startsWith(wanted)) - Number(a.name.toLowerCase().startsWith(wanted))).slice(0, LISTED_MAX);
  return (
    <details>
      <summary className="small">{t.functions(items.length)}</summary>
      <SearchBox size="small" value={search} onChange={(_, data) => setSearch(data.value)} placeholder={t.searchFunctions} aria-label={t.searchFunctions} />
      <ul className="picker-list functions">
        {sorted.map((item) => (
          <li key={item.name}>
            <button type="button" title={exampleOf(item)} onClick={() => onChoose(item.name)}>
              <code>{item.signature}</code>
              <span className="quiet">{item.description}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

export function ExpressionTab({ step, start, onInsert, label }: { step: string | null; start: string; onInsert: (expression: string) => void; label: string }) {
  const t = useText(designerText);
  const { flow, edited } = useDesigner();
  const { groups } = useTokens(step);
  const functions = useQuery({ queryKey: ['expression-functions'], queryFn: ({ signal }) => api.get('/api/expressions/functions', { signal }), staleTime: Infinity });
  const last = useLastRun(flow);
  const [text, setText] = useState(start);
  const items = functions.data?.items;
  const completion = useMemo<CompletionSource>(
    () => (context) => {
      const word = context.matchBefore(/\w+/);
      if (!word && !context.explicit) return null;
      return {
        from: word?.from ?? context.pos,
        options: [
          ...(items ?? []).map((item) => ({ label: item.name, type: 'function', apply: call(item.name), detail: item.category, info: `${item.signature}\n${item.description}\n${exampleOf(item)}` })),
          ...groups.flatMap((group) => group.tokens.map((token) => ({ label: token.title, type: 'variable', apply: token.expression, detail: group.title }))),
        ],
      };
    },
    [items, groups],
  );
  const expression = text.trim().replace(/^@(?:\{([\s\S]*)\}$)?/, '$1');
  const asked = useSettled(expression, PAUSE_MS);
  const outcome = useQuery({
    queryKey: ['expressions', asked, last.data?.id ?? null, step],
    enabled: asked !== '' && (flow === null || !last.isPending),
    queryFn: () => evaluate(asked, last.data ?? null, edited, step),
    placeholderData: (before) => before,
    staleTime: Infinity,
    retry: false,
  });
  const told = asked === '' ? undefined : outcome.data;
  const isUnfinished = told?.error?.kind === 'ParseError';
  const current = /([A-Za-z]\w*)\s*\([^()]*$/.exec(text)?.[1] ?? /^([A-Za-z]\w*)/.exec(text)?.[1];
  const documented = items?.find((item) => item.name.toLowerCase() === current?.toLowerCase());
  return (
    <div className="stack tight">
      <LazyCodeEditor value={text} onChange={setText} language="expression" label={label} height={120} completion={completion} />
      <div className="commands">
        <Button size="small" appearance="primary" disabled={!expression || (isUnfinished && asked === expression)} onClick={() => onInsert(expression)}>{start ? t.update : t.insert}</Button>
        <span className="quiet small">{last.data ? <>{t.withRun} <Ago time={last.data.started_at} /></> : t.withoutRun}</span>
      </div>
      <ProblemBar error={outcome.error} />
      <div role="status" className="outcome">
        {told?.awaitsData && <p className="quiet small">{t.awaitsData}</p>}
        {told?.error && !told.awaitsData && <p className={isUnfinished ? 'quiet small' : 'bad-text small'}>{told.error.message} {told.error.suggestion}</p>}
        {told && !told.error && <JsonView value={told.value ?? null} />}
      </div>
      {documented ? (
        <div className="small">
          <code>{documented.signature}</code>
          <p className="quiet">{documented.description}</p>
          <code>{exampleOf(documented)}</code>
        </div>
      ) : (
        <p className="quiet small">{t.noFunction}</p>
      )}
      {items && <Functions items={items} onChoose={(name) => setText((held) => `${held}${name}(`)} />}
    </div>
  );
}
