/** Wizard, part 2: how the service knows who calls. */
import { Field, Input, Select } from '@fluentui/react-components';
import type { Authentication } from '../../api/types';
import { useText } from '../../shared/language';
import { OauthFields, type Secret } from './Oauth';
import { connectorsText } from './text';

export function Security({ value, declared, secret, onChange }: { value: Authentication; declared: Authentication[]; secret: Secret; onChange: (value: Authentication) => void }) {
  const t = useText(connectorsText);
  const choose = (type: string) => {
    const before = declared.find((item) => item.type === type);
    if (before) onChange(before);
    else if (type === 'basic') onChange({ type, username_label: t.userName, password_label: t.password });
    else if (type === 'api_key') onChange({ type, in: 'header', name: 'X-API-Key', label: 'API key' });
    else onChange(type === 'oauth2' ? { type } : { type: 'none' });
  };
  return (
    <section className="panel stack">
      <Field label={t.authType}>
        <Select value={value.type} onChange={(_, data) => choose(data.value)}>
          {(['none', 'basic', 'api_key', 'oauth2'] as const).map((type) => (
            <option key={type} value={type}>{t.authTypes[type]}</option>
          ))}
        </Select>
      </Field>
      {value.type === 'basic' && (
        <div className="columns">
          <Field label={t.labelUser}><Input value={value.username_label ?? ''} onChange={(_, data) => onChange({ ...value, username_label: data.value })} /></Field>
          <Field label={t.labelPassword}><Input value={value.password_label ?? ''} onChange={(_, data) => onChange({ ...value, password_label: data.value })} /></Field>
        </div>
      )}
      {value.type === 'api_key' && (
        <div className="columns">
          <Field label={t.label}><Input value={value.label ?? ''} onChange={(_, data) => onChange({ ...value, label: data.value })} /></Field>
          <Field label={t.parameterName}><Input value={value.name} onChange={(_, data) => onChange({ ...value, name: data.value })} /></Field>
          <Field label={t.location}>
            <Select value={value.in} onChange={(_, data) => onChange({ ...value, in: data.value as 'header' | 'query' })}>
              <option value="header">{t.header}</option>
              <option value="query">{t.query}</option>
            </Select>
          </Field>
        </div>
      )}
      {value.type === 'oauth2' && <OauthFields value={value} secret={secret} onChange={onChange} />}
    </section>
  );
}
