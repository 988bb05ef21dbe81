/** The public address: what it is, and whether a call through it arrives at this server. */
import { Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { CheckmarkCircleRegular, ErrorCircleRegular, InfoRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Reachability as Found } from '../../api/types';
import { checkHintInWords, checkInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { settingsText } from './text';

const ICONS = { good: <CheckmarkCircleRegular aria-hidden />, notice: <InfoRegular aria-hidden />, bad: <ErrorCircleRegular aria-hidden /> };

function Report({ found }: { found: Found }) {
  const t = useText(settingsText);
  const shared = useText(sharedText);
  const { language } = useLanguage();
  return (
    <div className="stack">
      <MessageBar intent={found.verdict === 'public' ? 'success' : found.verdict === 'local' ? 'info' : 'warning'} layout="multiline">
        <MessageBarBody>
          <MessageBarTitle>{t.verdicts[found.verdict]}</MessageBarTitle> <code>{found.url}</code>
          {found.hint && <p><strong>{shared.whatToDo}:</strong> {checkHintInWords(found.hint, found.checks, language)}</p>}
        </MessageBarBody>
      </MessageBar>
      <ul className="checks">
        {found.checks.map((check) => (
          <li key={check.detail} data-finding={check.finding}>{ICONS[check.finding]}<span><span className="visually-hidden">{t.findings[check.finding]}: </span>{checkInWords(check, language)}</span></li>
        ))}
      </ul>
      <p className="quiet small">{t.reachedFromHere}</p>
    </div>
  );
}

export function PublicUrl({ value, now, onChange }: { value: string; now: string; onChange: (value: string) => void }) {
  const t = useText(settingsText);
  const [found, setFound] = useState<Found | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const check = () => {
    setBusy(true);
    setError(null);
    api
      .post('/api/settings/public-url-check', { body: value ? { url: value } : {} })
      .then(setFound, setError)
      .finally(() => setBusy(false));
  };
  return (
    <div className="stack">
      <Field label={t.publicUrl} hint={value && value !== now ? t.publicUrlLater(now) : t.publicUrlHint}>
        <Input type="url" value={value} onChange={(_, data) => onChange(data.value)} />
      </Field>
      <div className="commands">
        <Button disabledFocusable={busy} onClick={check}>{busy ? t.checking : t.checkUrl}</Button>
      </div>
      <ProblemBar error={error} />
      <div role="status">{found && <Report found={found} />}</div>
    </div>
  );
}
