/** Small pictures on a card for what is special about its step, each with its words. */
import { ArrowRepeatAllRegular, ArrowSyncRegular, ArrowTurnDownRightRegular, BeakerRegular, ClockRegular, FilterRegular, LockClosedRegular, SplitVerticalRegular } from '@fluentui/react-icons';
import { memo, type ReactElement } from 'react';
import { titleOf, valueAt, runAfterOf, type JsonObject } from '../../flow-model/definition';
import { marksOf, otherStatuses, retryOf, type Mark } from '../../flow-model/marks';
import { useText } from '../../shared/language';
import { settingsText } from './settings-text';

const PICTURES: { [mark in Mark]: ReactElement } = {
  runAfter: <ArrowTurnDownRightRegular />, retry: <ArrowSyncRegular />, timeout: <ClockRegular />, concurrency: <ArrowRepeatAllRegular />,
  splitOn: <SplitVerticalRegular />, conditions: <FilterRegular />, secure: <LockClosedRegular />, static: <BeakerRegular />,
};

export const Marks = memo(function Marks({ step }: { step: JsonObject }) {
  const t = useText(settingsText);
  const words = (mark: Mark): string => {
    switch (mark) {
      case 'runAfter': return t.marks.runAfter(Object.keys(runAfterOf(step)).map(titleOf).join(', '), otherStatuses(step).map((status) => t.is[status] ?? status).join(', '));
      case 'retry': return t.marks.retry(t.retries[String(retryOf(step)?.['type']).toLowerCase()] ?? '');
      case 'timeout': return t.marks.timeout(String(valueAt(step, ['limit', 'timeout'])));
      case 'concurrency': {
        const limit = valueAt(step, ['runtimeConfiguration', 'concurrency', 'repetitions']) ?? valueAt(step, ['runtimeConfiguration', 'concurrency', 'runs']);
        return limit === undefined ? t.marks.sequential : t.marks.concurrency(String(limit));
      }
      default: return t.marks[mark];
    }
  };
  return (
    <>
      {marksOf(step).map((mark) => {
        const said = words(mark);
        return <span key={mark} className="mark" data-mark={mark} role="img" aria-label={said} title={said}>{PICTURES[mark]}</span>;
      })}
    </>
  );
});
