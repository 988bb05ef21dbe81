/** What a part of the wizard tells its frame about changes that the server does not have. */
import type { ChangesForm, Connector } from '../../api/types';

export interface Unsaved {
  /** Whether anything would be lost. */
  dirty: boolean;
  /** Stores it, based on the version that `etag` names, and where `accept` is set also if flows break; null while something is missing. */
  save: ((etag: string, accept: boolean) => Promise<Connector>) | null;
  /** The same as a change that is looked at before it is stored; where it is left out, nothing of it can break flows. */
  change?: () => ChangesForm;
}

export const NOTHING_UNSAVED: Unsaved = { dirty: false, save: null };

export type OnUnsaved = (unsaved: Unsaved) => void;
