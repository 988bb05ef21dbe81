/** What OAuth 2.0 wants to know of a connector: who asks, where, for what; and what the service wants to know of us. */
import { Field, Input, MessageBar, MessageBarBody, Select } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Authentication } from '../../api/types';
import { CopyButton } from '../../shared/bits';
import { useText } from '../../shared/language';
import { connectorsText } from './text';

export type Oauth = Extract<Authentication, { type: 'oauth2' }>;

/** A client secret as a person enters it; the stored one is never shown. */
export interface Secret {
  entered: string;
  stored: boolean;
  onEnter: (secret: string) => void;
}

/** Scopes are words. While one types, the text stays as it is, with the space before the next word. */
function Scopes({ scopes, onChange }: { scopes: string[]; onChange: (scopes: string[]) => void }) {
  const t = useText(connectorsText);
  const [text, setText] = useState(scopes.join(' '));
  return (
    <Field label={t.scopes} hint={t.scopesHint}>
      <Input
        value={text}
        spellCheck={false}
        onChange={(_, data) => {
          setText(data.value);
          onChange(data.value.split(/\s+/).filter(Boolean));
        }}
      />
    </Field>
  );
}

export function OauthFields({ value, secret, onChange }: { value: Oauth; secret: Secret; onChange: (value: Oauth) => void }) {
  const t = useText(connectorsText);
  const about = useQuery({ queryKey: ['about'], queryFn: ({ signal }) => api.get('/api/about', { signal }), staleTime: Infinity });
  const signsIn = value.grant !== 'client_credentials';
  const address = (member: 'authorization_url' | 'token_url' | 'refresh_url', label: string, required: boolean, hint?: string) => (
    <Field label={label} required={required} {...(hint ? { hint } : {})}>
      <Input type="url" value={value[member] ?? ''} spellCheck={false} placeholder="https://" onChange={(_, data) => onChange({ ...value, [member]: data.value || null })} />
    </Field>
  );
  const redirect = about.data?.redirect_url;
  return (
    <>
      <Field label={t.grant} hint={signsIn ? t.grantCodeHint : t.grantClientHint}>
        <Select value={value.grant ?? 'authorization_code'} onChange={(_, data) => onChange({ ...value, grant: data.value as NonNullable<Oauth['grant']> })}>
          <option value="authorization_code">{t.grantCode}</option>
          <option value="client_credentials">{t.grantClient}</option>
        </Select>
      </Field>
      {signsIn && redirect && (
        <MessageBar intent="info" layout="multiline">
          <MessageBarBody>
            {t.redirectHint}
            <div className="row" role="group" aria-label={t.redirectUrl}>
              <code>{redirect}</code> <CopyButton text={redirect} label={t.copyRedirectUrl} />
            </div>
          </MessageBarBody>
        </MessageBar>
      )}
      <div className="columns">
        <Field label={t.clientId} required>
          <Input value={value.client_id ?? ''} autoComplete="off" spellCheck={false} onChange={(_, data) => onChange({ ...value, client_id: data.value })} />
        </Field>
        <Field label={t.clientSecret} hint={secret.stored ? t.clientSecretStored : t.clientSecretHint}>
          <Input type="password" value={secret.entered} autoComplete="new-password" onChange={(_, data) => secret.onEnter(data.value)} />
        </Field>
      </div>
      <div className="columns">
        {signsIn && address('authorization_url', t.authorizationUrl, true)}
        {address('token_url', t.tokenUrl, true)}
        {signsIn && address('refresh_url', t.refreshUrl, false, t.refreshHint)}
      </div>
      <Scopes scopes={value.scopes ?? []} onChange={(scopes) => onChange({ ...value, scopes })} />
    </>
  );
}
