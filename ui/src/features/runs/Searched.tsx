/** How far a search through the history has looked; it goes on by itself for a while, and further when asked. */
import { Button, Spinner } from '@fluentui/react-components';
import { useEffect, useState } from 'react';
import { useLanguage, useText } from '../../shared/language';
import { exact } from '../../shared/time';
import { runsText } from './text';

/** Enough for a page of results. */
const FOUND_ENOUGH = 50;
/** A search goes on by itself until it has looked at so many runs, and at as many more each time it is asked. */
const STEP = 50_000;

export function Searched({ found, looked, more, busy, failed = false, onMore }: { found: number; looked: { runs: number; backTo: string | null }; more: boolean; busy: boolean; /** The last page could not be fetched: going on by itself would only ask again and again. */ failed?: boolean; onMore: () => Promise<unknown> }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  const [until, setUntil] = useState(STEP);
  const going = more && !failed && found < FOUND_ENOUGH && looked.runs < until;
  useEffect(() => {
    if (going && !busy) void onMore();
  }, [going, busy, onMore, looked.runs]);
  if (!more) return null;
  // What is found fills a page: the list itself offers the rest.
  if (found >= FOUND_ENOUGH) return null;
  return (
    <div className="row searched" role="status">
      {going && <Spinner size="tiny" aria-hidden="true" />}
      <span className="quiet small">{t.lookedAt(looked.runs.toLocaleString(language), looked.backTo ? exact(looked.backTo, language) : '')}</span>
      {going ? <Button size="small" onClick={() => setUntil(looked.runs)}>{t.stopSearch}</Button> : <Button size="small" onClick={() => {
        setUntil(looked.runs + STEP);
        if (failed) void onMore();
      }}>{t.lookFurther}</Button>}
    </div>
  );
}
