/** Many runs at once: what can be done with the chosen ones, and failures by cause. */
import { Button, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { RunCause } from '../../api/types';
import { inLanguage } from '../../shared/advice';
import { BATCHES_KEY } from '../../shared/Batches';
import { Ago, Confirm } from '../../shared/bits';
import { useLanguage, useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { runsText } from './text';

export interface RunFilter {
  flow: string;
  q?: string | undefined;
  status?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  cause?: string | undefined;
}

/** Either runs that were chosen one by one, or all that a filter finds. */
export type Selection = { runs: string[] } | { filter: RunFilter };

interface Wish {
  action: 'resubmit' | 'resume' | 'cancel';
  version?: 'then' | 'now';
}

const noBlanks = (filter: RunFilter): RunFilter => Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as unknown as RunFilter;

/** Begins a batch, after a question where it is not known how many runs it has. */
function useBatch(onBegun: () => void) {
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const begin = async (wish: Wish, selection: Selection) => {
    setError(null);
    await api.post('/api/run-batches', { body: { ...wish, ...('runs' in selection ? selection : { filter: noBlanks(selection.filter) }) } });
    await client.invalidateQueries({ queryKey: BATCHES_KEY });
    onBegun();
  };
  return { error, setError, begin };
}

function Commands({ selection, count, onBegun, cancel }: { selection: Selection; /** As words: "12 runs". */ count: string; onBegun: () => void; cancel: boolean }) {
  const t = useText(runsText);
  const [wish, setWish] = useState<Wish | null>(null);
  const { error, setError, begin } = useBatch(onBegun);
  const ask = (next: Wish) => {
    setError(null);
    setWish(next);
  };
  const verbs = { resubmit: t.resubmit, resume: t.resume, cancel: t.cancelRuns };
  return (
    <>
      <Button size="small" onClick={() => ask({ action: 'resubmit' })}>{t.resubmit}</Button>
      <Menu>
        <MenuTrigger disableButtonEnhancement><Button size="small">{t.resume}</Button></MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuItem onClick={() => ask({ action: 'resume', version: 'then' })}>{t.resumeAsRan}</MenuItem>
            <MenuItem onClick={() => ask({ action: 'resume', version: 'now' })}>{t.resumeNow(null)}</MenuItem>
          </MenuList>
        </MenuPopover>
      </Menu>
      {cancel && <Button size="small" onClick={() => ask({ action: 'cancel' })}>{t.cancelRuns}</Button>}
      <ProblemBar error={error} />
      <Confirm open={wish !== null} title={wish ? t.manyTitle(verbs[wish.action], count) : ''} action={wish ? verbs[wish.action] : ''} onClose={() => setWish(null)} onConfirm={() => (wish ? begin(wish, selection) : Promise.resolve())}>
        <p>{wish ? t.manyText[wish.action] : ''}</p>
        <p className="quiet">{t.manyGoesOn}</p>
      </Confirm>
    </>
  );
}

/** `filtered`: all runs that match can be chosen in the place of those that are loaded. */
export function ManyBar({ chosen, loaded, all, filter, onAll, onNone }: { chosen: readonly string[]; loaded: number; all: boolean; filter: RunFilter; onAll: () => void; onNone: () => void }) {
  const t = useText(runsText);
  if (chosen.length === 0 && !all) return null;
  const count = all ? t.allThatMatch : t.runsCount(chosen.length);
  return (
    <div className="bulk" role="toolbar" aria-label={all ? t.allChosen : t.runsChosen(chosen.length)}>
      <strong role="status">{all ? t.allChosen : t.runsChosen(chosen.length)}</strong>
      <Commands selection={all ? { filter } : { runs: [...chosen] }} count={count} onBegun={onNone} cancel />
      {!all && chosen.length === loaded && <Button size="small" appearance="transparent" onClick={onAll}>{t.chooseAllMatching}</Button>}
      <Button size="small" appearance="transparent" onClick={onNone}>{t.chooseNone}</Button>
    </div>
  );
}

function CauseRow({ cause, filter, onShow }: { cause: RunCause; filter: RunFilter; onShow: (cause: string) => void }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  const said = inLanguage({ code: cause.code, message: cause.cause, ...(cause.hint ? { hint: cause.hint } : {}) }, language);
  return (
    <li>
      <div>
        <strong>{t.causeCount(cause.count)}</strong> <span className="bad-text">{said.message}</span>
        {said.hint && <p className="quiet small">{said.hint}</p>}
        <p className="quiet small">
          {t.newest}: <Link to="/flows/$flow/runs/$run" params={{ flow: cause.flow.id, run: cause.newest }}><Ago time={cause.newest_at} /></Link>
          {cause.count > 1 && <> · {t.oldest}: <Ago time={cause.oldest_at} /></>}
        </p>
      </div>
      <div className="commands">
        <Button size="small" appearance="subtle" onClick={() => onShow(cause.cause)}>{t.showRuns}</Button>
        <Commands selection={{ filter: { ...filter, status: filter.status || 'Failed,TimedOut', cause: cause.cause } }} count={t.runsCount(cause.count)} onBegun={() => undefined} cancel={false} />
      </div>
    </li>
  );
}

/** Why the runs that fit the filter failed, most frequent first. */
export function Causes({ filter, onShow }: { filter: RunFilter; onShow: (cause: string) => void }) {
  const t = useText(runsText);
  const causes = useQuery({ queryKey: ['runs', filter.flow, 'causes', filter], queryFn: ({ signal }) => api.get('/api/runs/causes', { query: noBlanks(filter), signal }) });
  return (
    <section className="panel stack tight" aria-labelledby="causes-title">
      <h2 id="causes-title">{t.causes}</h2>
      <Loaded query={causes} rows={2}>
        {(data) =>
          data.items.length === 0 ? (
            <p className="quiet">{t.noCauses}</p>
          ) : (
            <>
              <ul className="causes">{data.items.map((cause) => <CauseRow key={`${cause.flow.id} ${cause.cause}`} cause={cause} filter={filter} onShow={onShow} />)}</ul>
              {data.and_more && <p className="quiet small">{t.causesOf(data.looked_at)}</p>}
            </>
          )
        }
      </Loaded>
    </section>
  );
}
