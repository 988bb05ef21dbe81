/** Wizard, part 1: icon, colour, name, description, where the service is. */
import { Button, Checkbox, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { ArrowUploadRegular } from '@fluentui/react-icons';
import { useEffect, useRef, useState } from 'react';
import type { ConnectorSettings } from '../../api/types';
import { ConnectorIcon } from '../../shared/bits';
import { useText } from '../../shared/language';
import type { GeneralField } from './places';
import { connectorsText } from './text';

const ICON_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const ICON_BYTES_MAX = 1024 * 1024;
const ICON_PIXELS = { min: 32, max: 230 };

/** Why a file cannot be an icon, before it is sent anywhere. */
async function iconProblem(file: File): Promise<'type' | 'size' | 'pixels' | null> {
  if (!ICON_TYPES.includes(file.type)) return 'type';
  if (file.size > ICON_BYTES_MAX) return 'size';
  const picture = await createImageBitmap(file);
  const { width, height } = picture;
  picture.close();
  const fits = (pixels: number) => pixels >= ICON_PIXELS.min && pixels <= ICON_PIXELS.max;
  return fits(width) && fits(height) ? null : 'pixels';
}

export function General({
  settings,
  scripted = [],
  icon,
  iconUrl,
  at,
  onSettings,
  onIcon,
}: {
  settings: ConnectorSettings;
  /** Operations that custom code rewrites; it does not run here. */
  scripted?: string[];
  icon: File | null;
  iconUrl: string | null;
  /** A field that a problem leads to; another object for each time. */
  at: { field: GeneralField } | null;
  onSettings: (settings: ConnectorSettings) => void;
  onIcon: (icon: File | null) => void;
}) {
  const t = useText(connectorsText);
  const input = useRef<HTMLInputElement>(null);
  const [preview, setPreview] = useState<string | null>(null);
  const [refused, setRefused] = useState('');
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (at) document.getElementById(`connector-${at.field}`)?.focus();
  }, [at]);
  const take = (file: File | undefined) => {
    if (!file) return;
    setRefused('');
    iconProblem(file)
      .then((problem) => (problem ? setRefused(t.iconProblems[problem]) : onIcon(file)))
      .catch(() => setRefused(t.iconProblems.broken));
  };
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
        className={over ? 'icon-drop row top over' : 'icon-drop row top'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer.files[0]);
        }}
      >
        <ConnectorIcon url={preview ?? iconUrl} color={settings.color} name={settings.name ?? ''} size={96} label={t.icon} />
        <div className="stack tight">
          <div className="row">
            <Button icon={<ArrowUploadRegular />} onClick={() => input.current?.click()}>{t.uploadIcon}</Button>
            {icon && <Button appearance="subtle" onClick={() => onIcon(null)}>{t.undoIcon}</Button>}
          </div>
          <input
            ref={input}
            type="file"
            hidden
            accept={ICON_TYPES.join(',')}
            aria-label={t.icon}
            onChange={(event) => {
              take(event.target.files?.[0]);
              event.target.value = '';
            }}
          />
          <span className="quiet small">{t.iconHint}</span>
          {refused && <span className="bad-text small" role="alert">{refused}</span>}
          <label className="row small">
            {t.color} <input type="color" value={settings.color ?? '#2b5fc7'} onChange={(event) => onSettings({ ...settings, color: event.target.value })} />
          </label>
        </div>
      </div>
      <Field label={t.name} required><Input id="connector-name" value={settings.name ?? ''} onChange={set('name')} /></Field>
      <Field label={t.description}><Textarea id="connector-description" value={settings.description ?? ''} onChange={set('description')} resize="vertical" /></Field>
      <div className="columns">
        <Field label={t.scheme}>
          <Select id="connector-scheme" value={settings.scheme ?? 'https'} onChange={set('scheme')}>
            <option value="https">HTTPS</option>
            <option value="http">HTTP</option>
          </Select>
        </Field>
        <Field label={t.host} required><Input id="connector-host" value={settings.host ?? ''} onChange={set('host')} placeholder="api.example.com" /></Field>
        <Field label={t.basePath}><Input id="connector-base_path" value={settings.base_path ?? ''} onChange={set('base_path')} placeholder="/" /></Field>
      </div>
      {scripted.length > 0 && (
        <fieldset className="plain">
          <legend>{t.customCode}</legend>
          <p className="quiet small">{t.customCodeHint}</p>
          <div className="checks">
            {scripted.map((id) => (
              <Checkbox
                key={id}
                label={t.withoutScript(id)}
                checked={(settings.without_script ?? []).includes(id)}
                onChange={(_, data) => {
                  const others = (settings.without_script ?? []).filter((own) => own !== id);
                  const next = data.checked === true ? [...others, id] : others;
                  const { without_script: _before, ...rest } = settings;
                  onSettings(next.length > 0 ? { ...rest, without_script: scripted.filter((own) => next.includes(own)) } : rest);
                }}
              />
            ))}
          </div>
        </fieldset>
      )}
    </section>
  );
}
