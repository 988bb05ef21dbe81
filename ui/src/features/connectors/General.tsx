/** Wizard, part 1: icon, colour, name, description, where the service is. */
import { Button, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { useEffect, useRef, useState } from 'react';
import type { ConnectorSettings } from '../../api/types';
import { ConnectorIcon } from '../../shared/bits';
import { useText } from '../../shared/language';
import { connectorsText } from './text';

export function General({
  settings,
  icon,
  iconUrl,
  onSettings,
  onIcon,
}: {
  settings: ConnectorSettings;
  icon: File | null;
  iconUrl: string | null;
  onSettings: (settings: ConnectorSettings) => void;
  onIcon: (icon: File | null) => void;
}) {
  const t = useText(connectorsText);
  const input = useRef<HTMLInputElement>(null);
  const [preview, setPreview] = useState<string | null>(null);
  useEffect(() => {
    if (!icon) {
      setPreview(null);
      return undefined;
    }
    const url = URL.createObjectURL(icon);
    setPreview(url);
    return () => URL.revokeObjectURL(url);
  }, [icon]);
  const set = (member: keyof ConnectorSettings) => (_: unknown, data: { value: string }) => onSettings({ ...settings, [member]: data.value });
  return (
    <section className="panel stack">
      <div
        className="row top"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          const file = event.dataTransfer.files[0];
          if (file) onIcon(file);
        }}
      >
        <ConnectorIcon url={preview ?? iconUrl} color={settings.color} name={settings.name ?? ''} size={96} />
        <div className="stack tight">
          <Button onClick={() => input.current?.click()}>{t.uploadIcon}</Button>
          <input
            ref={input}
            type="file"
            hidden
            accept="image/png,image/jpeg,image/gif,image/webp"
            aria-label={t.icon}
            data-testid="icon-file"
            onChange={(event) => onIcon(event.target.files?.[0] ?? null)}
          />
          <span className="quiet small">{t.iconHint}</span>
          <label className="row small">
            {t.color} <input type="color" value={settings.color ?? '#2b5fc7'} onChange={(event) => onSettings({ ...settings, color: event.target.value })} />
          </label>
        </div>
      </div>
      <Field label={t.name} required><Input value={settings.name ?? ''} onChange={set('name')} /></Field>
      <Field label={t.description}><Textarea value={settings.description ?? ''} onChange={set('description')} resize="vertical" /></Field>
      <div className="columns">
        <Field label={t.scheme}>
          <Select value={settings.scheme ?? 'https'} onChange={set('scheme')}>
            <option value="https">HTTPS</option>
            <option value="http">HTTP</option>
          </Select>
        </Field>
        <Field label={t.host} required><Input value={settings.host ?? ''} onChange={set('host')} placeholder="api.example.com" /></Field>
        <Field label={t.basePath}><Input value={settings.base_path ?? ''} onChange={set('base_path')} placeholder="/" /></Field>
      </div>
    </section>
  );
}
