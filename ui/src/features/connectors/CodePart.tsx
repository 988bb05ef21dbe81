/** Code view of a connector: the OpenAPI document, checked by the server while one types. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import type { Connector, ConnectorCheck, Json, JsonObject } from '../../api/types';
import { pointerRange } from '../../shared/json-position';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { connectorsText } from './text';
import type { Saver } from './WizardPage';

function Code({ connector, text: initial, onSaver }: { connector: Connector; text: string; onSaver: (saver: Saver) => void }) {
  const t = useText(connectorsText);
  const [text, setText] = useState(initial);
  const [base, setBase] = useState(initial);
  const [check, setCheck] = useState<ConnectorCheck | null>(null);
  const [error, setError] = useState<unknown>(null);
  const latest = useRef({ text, etag: connector.etag });
  useEffect(() => {
    latest.current = { text, etag: connector.etag };
  });
  let valid = true;
  try {
    JSON.parse(text);
  } catch {
    valid = false;
  }
  useEffect(() => {
    if (!valid) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      api.post('/api/connectors/check', { body: { document: JSON.parse(text) as Json }, signal: stop.signal })
        .then((answer) => {
          setCheck(answer);
          setError(null);
        })
        .catch((problem: unknown) => {
          if (!stop.signal.aborted) setError(problem);
        });
    }, 600);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, valid]);
  const dirty = text !== base && valid;
  useEffect(() => {
    onSaver(
      dirty
        ? async () => {
            const now = latest.current;
            await api.put('/api/connectors/{id}/definition', { path: { id: connector.id }, body: JSON.parse(now.text) as JsonObject, etag: now.etag });
            setBase(now.text);
          }
        : null,
    );
    return () => onSaver(null);
  }, [dirty, connector.id, onSaver]);
  const marks = (check?.diagnostics ?? []).map((problem) => ({ ...pointerRange(text, problem.pointer), severity: problem.severity, message: problem.message }));
  return (
    <section className="panel stack">
      <LazyCodeEditor value={text} onChange={setText} language="json" label={t.codeLabel} height={560} marks={marks} />
      {!valid && <p className="quiet">{t.notJson}</p>}
      <ProblemBar error={error} />
      {check && check.diagnostics.length > 0 && <DiagnosticList diagnostics={check.diagnostics} />}
    </section>
  );
}

export function CodePart({ connector, onSaver }: { connector: Connector; onSaver: (saver: Saver) => void }) {
  const document = useQuery({
    queryKey: ['connectors', connector.id, 'definition'],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/definition', { path: { id: connector.id }, signal }),
  });
  return <Loaded query={document}>{(data) => <Code key={connector.etag} connector={connector} text={JSON.stringify(data, null, 2)} onSaver={onSaver} />}</Loaded>;
}
