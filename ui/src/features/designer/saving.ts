/** Saving a flow: what is sent, what became of it, and what happens when somebody else changed the flow meanwhile. */
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api, Problem } from '../../api/client';
import type { Flow, FlowBody } from '../../api/types';
import { stepOfPointer } from '../../flow-model/checker';
import type { JsonObject } from '../../flow-model/definition';
import { saveFlow } from '../../shared/flow-commands';
import { forgetDraft } from './kept-draft';
import { refusalOf } from './Refused';
import { isPassing } from './SaveTrouble';
import { usedConnections, type Edited } from './state';
import type { designerText } from './text';

interface SaveOptions {
  state?: 'draft';
  etag?: string;
  asCopy?: boolean;
  edited?: Edited;
}

/** The body of a request that stores the flow. A draft that is saved whole becomes a flow; one that a service refused is tried again, for that is why it was changed. */
export function bodyOf(held: Edited, stored: Flow | null, name: string, state: 'draft' | undefined): FlowBody {
  const wanted = state ?? (stored?.state === 'draft' || refusalOf(stored) ? 'on' : undefined);
  return { name, definition: held.definition, connections: usedConnections(held), parameters: held.parameters ?? {}, profile: held.profile, ...(held.envelope ? { envelope: held.envelope } : {}), ...(wanted ? { state: wanted } : {}) };
}

export interface Saving {
  save: (more?: SaveOptions) => void;
  /** The same again after a refusal that passes by itself; otherwise as the flow is now. */
  retry: () => void;
  /** What is edited and what somebody else stored, put together. */
  saveMerged: (definition: JsonObject, theirs: Flow) => void;
  busy: boolean;
  error: unknown;
  setError: (error: unknown) => void;
  /** What became of the last attempt. */
  told: string;
  setTold: (told: string) => void;
  /** Somebody else changed the flow since it was opened. */
  isConflict: boolean;
  closeConflict: () => void;
  /** The page is left because the flow was saved: nothing is to be asked. */
  isLeaving: () => boolean;
}

export function useSaving({ edited, stored, etag, edit, openStep, onSaved, onStored, t }: {
  edited: Edited;
  stored: Flow | null;
  /** The version that the changes were made from. */
  etag: string | null;
  edit: (change: (held: Edited) => Edited) => void;
  openStep: (step: string | null) => void;
  onSaved: (saved: Edited) => void;
  onStored: (flow: Flow) => void;
  t: Pick<typeof designerText.en, 'newTitle' | 'copyOf' | 'saved' | 'savedDraft'>;
}): Saving {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [told, setTold] = useState('');
  const [isConflict, setConflict] = useState(false);
  const [last, setLast] = useState<SaveOptions>({});
  const leaving = useRef(false);
  const finish = (flow: Flow, message: string, saved: Edited) => {
    forgetDraft(stored?.id ?? null);
    onSaved(saved);
    setTold(message);
    leaving.current = true;
    void client.invalidateQueries({ queryKey: ['flows'] });
    void client.invalidateQueries({ queryKey: ['runs'] });
    client.setQueryData(['flows', flow.id], flow);
    if (!stored || stored.id !== flow.id) {
      void navigate(flow.problem ? { to: '/flows/$flow/edit', params: { flow: flow.id }, search: { refused: 'yes' } } : { to: '/flows/$flow', params: { flow: flow.id } });
      return;
    }
    leaving.current = false;
    onStored(flow);
  };
  const save = (more: SaveOptions = {}) => {
    if (busy) return;
    setLast(more);
    setBusy(true);
    setError(null);
    setTold('');
    setConflict(false);
    const held = more.edited ?? edited;
    const body = bodyOf(held, stored, more.asCopy ? t.copyOf(held.name) : held.name.trim() || t.newTitle, more.state);
    const saving = stored && !more.asCopy ? saveFlow(stored.id, body, more.etag ?? etag ?? undefined) : api.post('/api/flows', { body: more.asCopy ? { ...body, state: 'draft' } : body });
    saving
      .then((flow) => finish(flow, more.state === 'draft' ? t.savedDraft : t.saved, held))
      .catch((problem: unknown) => {
        if (problem instanceof Problem && problem.status === 412) return setConflict(true);
        setError(problem);
        // A refusal leads to what was refused.
        const refused = problem instanceof Problem ? problem.body.diagnostics?.find((diagnostic) => diagnostic.severity === 'error') : undefined;
        const step = refused ? stepOfPointer(held.definition, refused.pointer) : undefined;
        if (step !== undefined) openStep(step);
      })
      .finally(() => setBusy(false));
  };
  return {
    save,
    retry: () => save(isPassing(error) && !last.edited ? last : {}),
    saveMerged: (definition, theirs) => {
      const both = { ...edited, definition, connections: { ...theirs.connections, ...edited.connections } };
      edit(() => both);
      save({ edited: both, etag: theirs.etag });
    },
    busy, error, setError, told, setTold, isConflict,
    closeConflict: () => setConflict(false),
    isLeaving: () => leaving.current,
  };
}
