/** The gallery of templates: each with a picture of its flow and what it needs; one is filled in and opened in the designer. */
import { Button, Field, Input, Tab, TabList, Textarea } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { FlowTemplate } from '../../api/types';
import { forEachAction, isObject, titleOf, type Json, type JsonObject } from '../../flow-model/definition';
import { hostOf, isOwnApi } from '../../flow-model/host';
import { Modal } from '../../shared/bits';
import { IMPORTED_KEY } from '../../shared/flow-commands';
import { useLanguage, useText, type Language } from '../../shared/language';
import { Search, useFilters } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { FlowPicture } from './FlowPicture';
import { templatesText } from './text';
import './templates.css';

/** Templates are written in the language of bare definitions: loops run side by side. */
const PROFILE = 'la';

/** Which operations of the built-in notifications a flow uses. */
function notifies(definition: JsonObject): Set<string> {
  const found = new Set<string>();
  forEachAction(definition, (_, action) => {
    const host = hostOf(action);
    if (host && isOwnApi(host.api)) found.add(host.operation);
  });
  return found;
}

function Needs({ template }: { template: FlowTemplate }) {
  const t = useText(templatesText);
  const used = notifies(template.definition as JsonObject);
  const others = template.connections.filter((key) => !isOwnApi(key));
  const needs = [
    ...others.map((key) => t.needsConnection(titleOf(key.replace(/^shared_/, '')))),
    ...(used.has('SendEmailNotification') ? [t.needsMail] : []),
    ...(used.has('SendNotification') ? [t.needsPhone] : []),
  ];
  return <span className="quiet small">{t.needs}: {needs.length > 0 ? needs.join(' · ') : t.needsNothing}</span>;
}

const parametersOf = (definition: JsonObject): [string, JsonObject][] => Object.entries(isObject(definition['parameters']) ? definition['parameters'] : {}).flatMap(([name, own]) => (isObject(own) ? [[name, own]] : []));
/** `tableAddress` → `Table address`. */
const worded = (name: string): string => titleOf(name.replace(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`)).replace(/^./, (first) => first.toUpperCase());
const asText = (value: Json | undefined): string => (Array.isArray(value) ? value.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join('\n') : typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));
/** What was typed in the place of a default, in the default's own type. */
function typed(text: string, before: Json | undefined): Json {
  if (Array.isArray(before)) return text.split('\n').map((line) => line.trim()).filter(Boolean);
  if (typeof before === 'number' && text.trim() !== '' && !Number.isNaN(Number(text))) return Number(text);
  return text;
}

function UseDialog({ template, onClose }: { template: FlowTemplate; onClose: () => void }) {
  const t = useText(templatesText);
  const { language } = useLanguage();
  const navigate = useNavigate();
  const definition = template.definition as JsonObject;
  const parameters = parametersOf(definition);
  const [texts, setTexts] = useState<{ [name: string]: string }>(() => Object.fromEntries(parameters.map(([name, own]) => [name, asText(own['defaultValue'])])));
  const start = () => {
    const filled = Object.fromEntries(parameters.map(([name, own]) => [name, { ...own, defaultValue: typed(texts[name] ?? '', own['defaultValue']) }]));
    const flow = { name: template.title[language], definition: { ...definition, ...(parameters.length > 0 ? { parameters: filled } : {}) }, connections: {}, profile: PROFILE };
    window.sessionStorage.setItem(IMPORTED_KEY, JSON.stringify(flow));
    void navigate({ to: '/flows/new', search: { template: 'imported' } });
  };
  return (
    <Modal open wide title={template.title[language]} onClose={onClose} actions={<Button appearance="primary" onClick={start}>{t.use}</Button>}>
      <p>{template.description[language]}</p>
      <div className="template-picture large"><FlowPicture definition={definition} height={300} /></div>
      <p className="row"><Needs template={template} />{notifies(definition).has('SendEmailNotification') && <Link to="/settings/$part" params={{ part: 'server' }}>{t.toMail}</Link>}</p>
      {parameters.length > 0 && (
        <>
          <h3>{t.fillIn}</h3>
          <p className="quiet small">{t.fillInText}</p>
        </>
      )}
      {parameters.map(([name, own]) => (
        <Field key={name} label={worded(name)} {...(Array.isArray(own['defaultValue']) ? { hint: t.list } : {})}>
          {Array.isArray(own['defaultValue']) ? (
            <Textarea value={texts[name] ?? ''} rows={3} resize="vertical" onChange={(_, data) => setTexts({ ...texts, [name]: data.value })} />
          ) : (
            <Input value={texts[name] ?? ''} onChange={(_, data) => setTexts({ ...texts, [name]: data.value })} />
          )}
        </Field>
      ))}
    </Modal>
  );
}

/** Every word must be somewhere in title, description or tags. */
function fits(template: FlowTemplate, text: string, language: Language, tags: Record<string, string>): boolean {
  const all = [template.title[language], template.description[language], ...template.tags.flatMap((tag) => [tag, tags[tag] ?? ''])].join(' ').toLowerCase();
  return text.toLowerCase().split(/\s+/).filter(Boolean).every((word) => all.includes(word));
}

export function TemplatesPage() {
  const t = useText(templatesText);
  const { language } = useLanguage();
  const [search, filter] = useFilters<'q' | 'tag'>();
  const [chosen, setChosen] = useState<FlowTemplate | null>(null);
  const templates = useQuery({ queryKey: ['templates'], queryFn: ({ signal }) => api.get('/api/templates', { signal }), staleTime: Infinity });
  const tags = [...new Set(templates.data?.items.flatMap((template) => template.tags) ?? [])];
  return (
    <Page title={t.title}>
      <p className="quiet">{t.text}</p>
      <div className="row filters"><Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.search} /></div>
      <TabList className="tabs" selectedValue={search.tag ?? ''} onTabSelect={(_, data) => filter({ tag: String(data.value) })}>
        <Tab value="">{t.all}</Tab>
        {tags.map((tag) => <Tab key={tag} value={tag}>{t.tags[tag] ?? tag}</Tab>)}
      </TabList>
      <Loaded query={templates}>
        {(data) => {
          const found = data.items.filter((template) => (!search.tag || template.tags.includes(search.tag)) && fits(template, search.q ?? '', language, t.tags));
          if (found.length === 0) return <Empty title={t.nothingFound} />;
          return (
            <>
              <p className="visually-hidden" role="status">{t.found(found.length)}</p>
              <ul className="templates">
                {found.map((template) => (
                  <li key={template.id}>
                    <button type="button" className="choice" onClick={() => setChosen(template)}>
                      <span className="template-picture"><FlowPicture definition={template.definition as JsonObject} height={150} /></span>
                      <strong>{template.title[language]}</strong>
                      <span className="quiet">{template.description[language]}</span>
                      <Needs template={template} />
                    </button>
                  </li>
                ))}
              </ul>
            </>
          );
        }}
      </Loaded>
      {chosen && <UseDialog template={chosen} onClose={() => setChosen(null)} />}
    </Page>
  );
}
