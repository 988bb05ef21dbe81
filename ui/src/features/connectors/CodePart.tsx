/** Code view of a connector: the OpenAPI document, checked by the server while one types. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { api } from '../../api/client';
import type { Connector, ConnectorCheck, Diagnostic, Json, JsonObject } from '../../api/types';
import { pointerRange } from '../../shared/json-position';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { findingInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { useEdited } from './edited';
import { NOTHING_UNSAVED, type OnUnsaved } from './saver';
import { connectorsText } from './text';

const CHECK_AFTER_MS = 600;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The first line of a value: all of an object would be half of the document. */
function lineAt(text: string, pointer: string): { from: number; to: number } {
  const { from, to } = pointerRange(text, pointer);
  const end = text.indexOf('\n', from);
  return { from, to: end < 0 ? to : Math.min(to, end) };
}

/** A document with the places of its problems; `at` is one to go to, another object for each time. */
export function DocumentEditor({ text, diagnostics, at, onChange }: { text: string; diagnostics: Diagnostic[]; at: { pointer: string } | null; onChange?: (text: string) => void }) {
  const t = useText(connectorsText);
  const { language } = useLanguage();
  const [opened, setOpened] = useState(at);
  const [led, setLed] = useState(at);
  if (led !== at) {
    setLed(at);
    setOpened(at);
  }
  const marks = diagnostics.map((problem) => ({ ...lineAt(text, problem.pointer), severity: problem.severity === 'information' ? ('info' as const) : problem.severity, message: findingInWords(problem, language).message }));
  // The place is sought when one is led there, not again while the text changes.
  const latest = useRef(text);
  useEffect(() => {
    latest.current = text;
  });
  const [reveal, setReveal] = useState<{ from: number; to: number } | null>(null);
  useEffect(() => {
    if (opened) setReveal(lineAt(latest.current, opened.pointer));
  }, [opened]);
  return (
    <>
      <LazyCodeEditor value={text} {...(onChange ? { onChange } : { readOnly: true })} language="json" label={t.codeLabel} height={560} marks={marks} reveal={reveal} />
      {diagnostics.length > 0 && <DiagnosticList diagnostics={diagnostics} onOpen={(problem) => setOpened({ pointer: problem.pointer })} />}
    </>
  );
}

function Code({ connector, text: held, at, onUnsaved }: { connector: Connector; text: string; at: { pointer: string } | null; onUnsaved: OnUnsaved }) {
  const t = useText(connectorsText);
  const { value: text, setValue: setText, dirty, setStored } = useEdited(held);
  // What the general part says counts before what the document says.
  const { host, scheme, base_path } = connector;
  const [check, setCheck] = useState<ConnectorCheck | null>(null);
  const [error, setError] = useState<unknown>(null);
  const latest = useRef(text);
  useEffect(() => {
    latest.current = text;
  });
  const valid = useMemo(() => isJson(text), [text]);
  useEffect(() => {
    if (!valid) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      api.post('/api/connectors/check', { body: { document: JSON.parse(text) as Json, settings: { host, scheme, base_path } }, signal: stop.signal })
        .then((answer) => {
          setCheck(answer);
          setError(null);
        })
        .catch((problem: unknown) => {
          if (!stop.signal.aborted) setError(problem);
        });
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, valid, host, scheme, base_path]);
  useEffect(() => {
    const save = async (etag: string, accept: boolean) => {
      const now = latest.current;
      const stored = await api.put('/api/connectors/{id}/definition', { path: { id: connector.id }, query: { accept_breaks: accept }, body: JSON.parse(now) as JsonObject, etag });
      setStored(now);
      return stored;
    };
    onUnsaved({ dirty, save: dirty && valid ? save : null, change: () => ({ text: latest.current }) });
    return () => onUnsaved(NOTHING_UNSAVED);
  }, [dirty, valid, connector.id, onUnsaved, setStored]);
  return (
    <section className="panel stack">
      <DocumentEditor text={text} diagnostics={valid ? (check?.diagnostics ?? []) : []} at={at} onChange={setText} />
      {!valid && <p className="bad-text" role="alert">{t.notJson}</p>}
      <ProblemBar error={error} />
    </section>
  );
}

export function CodePart({ connector, at, onUnsaved }: { connector: Connector; at: { pointer: string } | null; onUnsaved: OnUnsaved }) {
  const document = useQuery({
    queryKey: ['connectors', connector.id, 'definition'],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/definition', { path: { id: connector.id }, signal }),
  });
  return <Loaded query={document}>{(data) => <Code connector={connector} text={JSON.stringify(data, null, 2)} at={at} onUnsaved={onUnsaved} />}</Loaded>;
}
