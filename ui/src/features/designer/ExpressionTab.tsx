/** Writing an expression: completion and documentation of functions, and a try against the last run. */
import { Button } from '@fluentui/react-components';
import type { CompletionSource } from '@codemirror/autocomplete';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { get, post } from '../../api/client';
import type { ExpressionFunction, Json, Page } from '../../api/types';
import { JsonView } from '../../shared/JsonView';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { useDesigner } from './context';
import { designerText } from './text';
import { useTokens } from './tokens';

interface Outcome {
  value?: Json;
  error?: { kind: string; message: string; position?: number };
}

export function ExpressionTab({ step, onInsert, label }: { step: string | null; onInsert: (expression: string) => void; label: string }) {
  const t = useText(designerText);
  const { flow } = useDesigner();
  const { groups } = useTokens(step);
  const functions = useQuery({ queryKey: ['expression-functions'], queryFn: ({ signal }) => get<Page<ExpressionFunction>>('/api/expressions/functions', undefined, signal), staleTime: Infinity });
  const [text, setText] = useState('');
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [error, setError] = useState<unknown>(null);
  const items = functions.data?.items;
  const completion = useMemo<CompletionSource>(
    () => (context) => {
      const word = context.matchBefore(/[\w']+/);
      if (!word && !context.explicit) return null;
      return {
        from: word?.from ?? context.pos,
        options: [
          ...(items ?? []).map((item) => ({ label: item.name, type: 'function', apply: `${item.name}(`, detail: item.category, info: `${item.signature}\n${item.description}\n${item.example} → ${typeof item.result === 'string' ? item.result : JSON.stringify(item.result)}` })),
          ...groups.flatMap((group) => group.tokens.map((token) => ({ label: token.title, type: 'variable', apply: token.expression, detail: group.title }))),
        ],
      };
    },
    [items, groups],
  );
  const expression = text.trim().replace(/^@\{?/, '');
  const current = /([A-Za-z]\w*)\s*\([^()]*$/.exec(text)?.[1] ?? /^([A-Za-z]\w*)/.exec(text)?.[1];
  const documented = items?.find((item) => item.name.toLowerCase() === current?.toLowerCase());
  const evaluate = () => {
    setError(null);
    setOutcome(null);
    const run = flow?.last_run?.id;
    post<Outcome>('/api/expressions/evaluate', { expression, ...(run ? { run, ...(step ? { action: step } : {}) } : { context: {} }) }).then(setOutcome).catch(setError);
  };
  return (
    <div className="stack tight">
      <LazyCodeEditor value={text} onChange={setText} language="expression" label={label} height={120} completion={completion} />
      <div className="commands">
        <Button size="small" appearance="primary" disabled={!expression} onClick={() => onInsert(expression)}>{t.insert}</Button>
        <Button size="small" disabled={!expression} onClick={evaluate}>{t.evaluate}</Button>
      </div>
      <ProblemBar error={error} />
      <div role="status">
        {outcome?.error && <p className="bad-text">{outcome.error.kind}: {outcome.error.message}</p>}
        {outcome && !outcome.error && <JsonView value={outcome.value ?? null} />}
      </div>
      {documented ? (
        <div className="small">
          <code>{documented.signature}</code>
          <p className="quiet">{documented.description}</p>
          <code>{documented.example} → {typeof documented.result === 'string' ? documented.result : JSON.stringify(documented.result)}</code>
        </div>
      ) : (
        <p className="quiet small">{t.noFunction}</p>
      )}
    </div>
  );
}
