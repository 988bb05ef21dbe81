/** A copy of the data for the owner: made at the server, then fetched by the browser. */
import { Button, Link as PlainLink, MessageBar, MessageBarBody, ProgressBar } from '@fluentui/react-components';
import { ArrowDownloadRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { addressOf, api } from '../../api/client';
import { Ago } from '../../shared/bits';
import { useLanguage, useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { bytesText } from '../../shared/time';
import { settingsText } from './text';

/** How often it is asked how far the copy is. */
const LOOK_MS = 500;

function fetchFile(id: string): void {
  const link = document.createElement('a');
  link.href = addressOf('/api/backups/{id}/file', { id });
  link.download = '';
  link.click();
}

export function Backup() {
  const t = useText(settingsText);
  const { language } = useLanguage();
  const client = useQueryClient();
  const backups = useQuery({
    queryKey: ['backups'],
    queryFn: ({ signal }) => api.get('/api/backups', { signal }),
    refetchInterval: (query) => (query.state.data?.current?.stage === 'making' ? LOOK_MS : false),
  });
  // The copy that was asked for here is fetched once it is ready; one that was there before waits for a click.
  const [asked, setAsked] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const current = backups.data?.current ?? null;
  const ready = current?.stage === 'ready' && current.id === asked;
  useEffect(() => {
    if (!ready || !asked) return undefined;
    fetchFile(asked);
    // The date of the last backup is known when the file is out.
    const timer = setTimeout(() => void client.invalidateQueries({ queryKey: ['backups'] }), 2_000);
    return () => clearTimeout(timer);
  }, [ready, asked, client]);
  const make = () => {
    setError(null);
    api
      .post('/api/backups')
      .then((made) => {
        setAsked(made.id);
        return client.invalidateQueries({ queryKey: ['backups'] });
      })
      .catch(setError);
  };
  return (
    <section className="panel stack" aria-labelledby="backup-title">
      <h2 id="backup-title">{t.backup}</h2>
      <p>{t.backupText}</p>
      <MessageBar intent="info" layout="multiline"><MessageBarBody>{t.backupKey}</MessageBarBody></MessageBar>
      <Loaded query={backups} rows={2}>
        {(data) => (
          <>
            <dl className="facts">
              <dt>{t.dataBytes}</dt><dd>{bytesText(data.data_bytes, language)}</dd>
              <dt>{t.lastBackup}</dt><dd>{data.last ? <><Ago time={data.last.at} /> <span className="quiet">({bytesText(data.last.bytes, language)})</span></> : t.neverBackedUp}</dd>
            </dl>
            <div className="commands">
              <Button appearance="primary" disabledFocusable={current?.stage === 'making'} onClick={make}>{t.makeBackup}</Button>
              {current?.stage === 'ready' && (
                <Button as="a" icon={<ArrowDownloadRegular />} href={addressOf('/api/backups/{id}/file', { id: current.id })} download="">
                  {t.fetchBackup(bytesText(current.bytes, language))}
                </Button>
              )}
            </div>
            <div role="status">
              {current?.stage === 'making' && (
                <div className="stack tight">
                  <ProgressBar aria-label={t.makingBackup} value={Math.min(0.99, current.bytes / Math.max(1, current.expected_bytes))} />
                  <span className="quiet small">{t.makingBackup} {bytesText(current.bytes, language)}</span>
                </div>
              )}
              {current?.stage === 'ready' && <span className="quiet small">{t.backupReady} <Ago time={current.made_at} /></span>}
            </div>
            {current?.stage === 'failed' && <MessageBar intent="error" layout="multiline"><MessageBarBody>{t.backupFailed} {current.detail}</MessageBarBody></MessageBar>}
          </>
        )}
      </Loaded>
      <ProblemBar error={error} />
      <p className="quiet small">{t.backupRestore} <code>hookmill restore hookmill-….db --data DIR</code></p>
      <p className="small"><PlainLink href="/docs/errors/vault_key_missing" target="_blank">{t.aboutKey}</PlainLink></p>
    </section>
  );
}
