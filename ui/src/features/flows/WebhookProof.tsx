/** How far the sender of a webhook's calls is proven; where its secret is missing, the field for it. */
import { Badge, Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import type { Flow } from '../../api/types';
import { Ago } from '../../shared/bits';
import { reasonInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { proofText } from './proof-text';

type Proof = NonNullable<NonNullable<Flow['webhook']>['proof']>;

function SecretForm({ flow }: { flow: string }) {
  const t = useText(proofText);
  const client = useQueryClient();
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    api.put('/api/flows/{id}/webhook-secret', { path: { id: flow }, body: { secret } })
      .then(() => client.invalidateQueries({ queryKey: ['flows'] }))
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <form className="row" onSubmit={submit}>
      <Field label={t.secret}>
        <Input type="password" autoComplete="new-password" value={secret} onChange={(_, data) => setSecret(data.value)} />
      </Field>
      <Button type="submit" disabled={busy || !secret.trim()}>{t.saveSecret}</Button>
      <ProblemBar error={error} />
    </form>
  );
}

/** A token that the service has sent, and wants to hear from a person. */
function Token({ flow }: { flow: string }) {
  const t = useText(proofText);
  const [token, setToken] = useState('');
  const [error, setError] = useState<unknown>(null);
  const show = () => {
    setError(null);
    api.post('/api/flows/{id}/webhook-token', { path: { id: flow } }).then((shown) => setToken(shown.token), setError);
  };
  return (
    <div className="row">
      {token ? <Field label={t.token} hint={t.tokenHint} className="grow"><Input className="mono" readOnly value={token} /></Field> : <Button onClick={show}>{t.showToken}</Button>}
      <ProblemBar error={error} />
    </div>
  );
}

export function WebhookProof({ flow, proof, isOwn }: { flow: Flow; proof: Proof; isOwn: boolean }) {
  const t = useText(proofText);
  const { language } = useLanguage();
  if (proof.state === 'waiting') {
    return (
      <MessageBar intent="warning" layout="multiline">
        <MessageBarBody>
          <MessageBarTitle>{t.notVerified}</MessageBarTitle> {isOwn ? t.waitingOwn : t.waiting}
          {!isOwn && <SecretForm flow={flow.id} />}
        </MessageBarBody>
      </MessageBar>
    );
  }
  return (
    <>
      <p>
        <Badge appearance="tint" color={proof.state === 'verified' ? 'success' : 'subtle'}>{proof.state === 'verified' ? t.verified : t.addressOnly}</Badge>{' '}
        {proof.preset && <span className="quiet">{proof.preset}</span>}
      </p>
      {proof.has_token && <Token flow={flow.id} />}
      {proof.throttled && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t.throttled}</MessageBarBody></MessageBar>}
      {proof.refused > 0 && (
        <details>
          <summary>{t.refused(proof.refused)}</summary>
          <ul>
            {proof.last_refused.map((call, index) => (
              <li key={index}><Ago time={call.at} /> <code>{call.method}</code> {call.reasons.map((reason) => reasonInWords(reason, null, language)).join('; ')} <span className="quiet small">{call.headers.join(', ')}</span></li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
