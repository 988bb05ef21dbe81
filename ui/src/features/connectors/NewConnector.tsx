/** The wizard of a connector that the server does not have yet. */
import { Button, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import { sessionQuery } from '../../api/session';
import type { Diagnostic } from '../../api/types';
import { useText } from '../../shared/language';
import { Empty, Loading, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { DocumentEditor } from './CodePart';
import { blankDraft, dropDraft, keepDraft, keptDraft, type Draft } from './draft';
import { General } from './General';
import { countsOf, PARTS, placeOf, type Part, type Place } from './places';
import { Security } from './Security';
import { connectorsText } from './text';
import { Problems, Tabs } from './wizard-parts';

/** The text of the imported file, laid out as the server will keep it; a file that is not JSON as it is. */
function useFileText(file: File | null): string | null {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    let left = false;
    if (file) {
      void file.text().then((read) => {
        if (left) return;
        try {
          setText(JSON.stringify(JSON.parse(read), null, 2));
        } catch {
          setText(read);
        }
      });
    }
    return () => {
      left = true;
    };
  }, [file]);
  return file ? text : null;
}

function DraftForm({ user, initial, part, onPart }: { user: string; initial: Draft; part: Part; onPart: (part: Part) => void }) {
  const t = useText(connectorsText);
  const navigate = useNavigate();
  const client = useQueryClient();
  const [draft, setDraft] = useState(initial);
  /** Not part of the draft: it does not stay in a browser. */
  const [clientSecret, setClientSecret] = useState('');
  const [kept, setKept] = useState<boolean | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [place, setPlace] = useState<Place | null>(null);
  const text = useFileText(draft.file);
  const change = (next: Draft) => {
    setDraft(next);
    void keepDraft(user, next).then(setKept);
  };
  // What was just imported is kept before anything is typed.
  const first = useRef(initial);
  useEffect(() => {
    if (first.current.file) void keepDraft(user, first.current).then(setKept);
  }, [user]);
  const create = async () => {
    setBusy(true);
    setError(null);
    let made: { id: string };
    const secret = clientSecret ? { client_secret: clientSecret } : {};
    try {
      if (draft.file) {
        const { file, properties, icon, settings } = draft;
        made = await api.post('/api/connectors', { form: { file, settings, ...secret, ...(properties ? { properties } : {}), ...(icon ? { icon } : {}) } });
      } else {
        made = await api.post('/api/connectors', { body: { document: null, settings: draft.settings, ...secret } });
        if (draft.icon) await api.put('/api/connectors/{id}/icon', { path: { id: made.id }, file: draft.icon });
      }
      await dropDraft(user);
      await client.invalidateQueries({ queryKey: ['connectors'] });
      // The wizard goes on with what the server has now: triggers and tests want it.
      await navigate({ to: '/connectors/$connector/$part', params: { connector: made.id, part }, search: { created: 'yes' } });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const discard = async () => {
    if (!window.confirm(t.discardDraftSure)) return;
    await dropDraft(user);
    await navigate({ to: '/connectors' });
  };
  const { check } = draft;
  // The host that a file lacks may have been typed since.
  const problems = (check?.diagnostics ?? []).filter((problem) => problem.code !== 'host_missing' || !draft.settings.host);
  const operations = check?.triggers ?? [];
  const open = (problem: Diagnostic) => {
    const found = placeOf(problem, operations);
    // Operations can be edited once the connector is there; until then the place is shown in the file.
    const next: Place = found.part === 'definition' || found.part === 'code' ? { part: 'code', pointer: problem.pointer } : found;
    setPlace(next);
    onPart(next.part);
  };
  const ready = !!draft.settings.name && !!draft.settings.host;
  const next = PARTS[PARTS.indexOf(part) + 1];
  return (
    <Page
      title={draft.settings.name || t.newTitle}
      actions={
        <>
          <Button onClick={() => void discard()}>{t.discardDraft}</Button>
          <Button appearance="primary" disabled={busy || !ready} onClick={() => void create()}>{t.createConnector}</Button>
        </>
      }
    >
      <Tabs part={part} onPart={onPart} counts={countsOf(problems, operations)} />
      <p className="quiet small" role="status">{kept === null ? '' : kept ? t.draftKept : t.draftNotKept}</p>
      {check && (
        <MessageBar intent={check.valid ? 'success' : 'warning'} layout="multiline">
          <MessageBarBody>
            <strong>{check.title}</strong> · {check.host && <><code>{check.host}</code> · </>}{t.found(check.operations, check.triggers.length)}
          </MessageBarBody>
        </MessageBar>
      )}
      {part === 'general' && (
        <General settings={draft.settings} icon={draft.icon} iconUrl={null} at={place?.part === 'general' ? place : null} onSettings={(settings) => change({ ...draft, settings })} onIcon={(icon) => change({ ...draft, icon })} />
      )}
      {part === 'security' && (
        <Security
          value={draft.settings.authentication ?? { type: 'none' }}
          declared={check?.authentication ?? []}
          secret={{ entered: clientSecret, stored: false, onEnter: setClientSecret }}
          onChange={(authentication) => change({ ...draft, settings: { ...draft.settings, authentication } })}
        />
      )}
      {(part === 'definition' || part === 'test' || (part === 'code' && !draft.file)) && <Empty title={t.createFirst} />}
      {part === 'code' && text !== null && (
        <section className="panel stack"><DocumentEditor text={text} diagnostics={problems} at={place?.part === 'code' ? place : null} /></section>
      )}
      {part !== 'code' && <Problems diagnostics={problems} onOpen={open} />}
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div className="commands">
        {part === 'general' && next && <Button onClick={() => onPart(next)}>{t.continue}</Button>}
        {part !== 'general' && <Button appearance="primary" disabled={busy || !ready} onClick={() => void create()}>{t.createConnector}</Button>}
      </div>
    </Page>
  );
}

export function NewConnector({ part, onPart }: { part: Part; onPart: (part: Part) => void }) {
  const user = useQuery(sessionQuery).data?.user.id ?? '';
  // Read anew each time: what the list or an import keeps must be what is shown.
  const draft = useQuery({ queryKey: ['connector-draft', user], queryFn: () => keptDraft(user), enabled: user !== '', staleTime: 0, gcTime: 0 });
  if (!draft.isFetchedAfterMount) return <div className="page"><Loading rows={3} /></div>;
  return <DraftForm user={user} initial={draft.data ?? blankDraft()} part={part} onPart={onPart} />;
}
