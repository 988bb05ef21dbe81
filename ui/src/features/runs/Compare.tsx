/** Two runs of a flow side by side: where they differ stands out. */
import { Field, Select, Table, TableBody, TableCell, TableHeader, TableHeaderCell, TableRow } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { ActionRun, Run } from '../../api/types';
import { titleOf } from '../../flow-model/definition';
import { Modal, Status } from '../../shared/bits';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { sharedText } from '../../shared/text';
import { between, durationText } from './duration';
import { runsText } from './text';

export function CompareDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const t = useText(runsText);
  const shared = useText(sharedText);
  const [id, setId] = useState('');
  const others = useQuery({ queryKey: ['runs', run.flow.id, 'others'], queryFn: ({ signal }) => api.get('/api/runs', { query: { flow: run.flow.id, kind: 'flow', limit: 50 }, signal }) });
  const other = useQuery({ queryKey: ['runs', 'one', id], enabled: id !== '', queryFn: ({ signal }) => api.get('/api/runs/{id}', { path: { id }, signal }) });
  const byName = (actions: ActionRun[] | null | undefined) => new Map((actions ?? []).map((action) => [action.name, action]));
  const mine = byName(run.actions);
  return (
    <Modal open wide title={t.compareTitle} onClose={onClose}>
      <Field label={t.compareWith}>
        <Select value={id} onChange={(_, data) => setId(data.value)}>
          <option value="" />
          {others.data?.items.filter((item) => item.id !== run.id).map((item) => (
            <option key={item.id} value={item.id}>{`${item.started_at.slice(0, 19).replace('T', ' ')} · ${shared.status[item.status] ?? item.status} · ${item.trigger.summary ?? ''}`}</option>
          ))}
        </Select>
      </Field>
      {id !== '' && (
        <Loaded query={other}>
          {(data) => {
            const theirs = byName(data.actions);
            return (
              <Table size="small" aria-label={t.compareTitle}>
                <TableHeader><TableRow><TableHeaderCell>{t.step}</TableHeaderCell><TableHeaderCell>{t.this}</TableHeaderCell><TableHeaderCell>{t.other}</TableHeaderCell></TableRow></TableHeader>
                <TableBody>
                  {[...new Set([...mine.keys(), ...theirs.keys()])].map((name) => {
                    const [a, b] = [mine.get(name), theirs.get(name)];
                    const differs = a?.status !== b?.status || JSON.stringify(a?.outputs ?? null) !== JSON.stringify(b?.outputs ?? null);
                    const cell = (own: ActionRun | undefined) => (own ? <><Status status={own.status} /> <span className="quiet small">{durationText(between(own.started_at, own.ended_at))}</span></> : t.none2);
                    return (
                      <TableRow key={name} data-differs={differs} className={differs ? 'differs' : ''}>
                        <TableCell>{differs ? <strong>{titleOf(name)}</strong> : titleOf(name)}</TableCell>
                        <TableCell>{cell(a)}</TableCell>
                        <TableCell>{cell(b)}</TableCell>
                      </TableRow>
                    );
                  })}
                </TableBody>
              </Table>
            );
          }}
        </Loaded>
      )}
    </Modal>
  );
}
