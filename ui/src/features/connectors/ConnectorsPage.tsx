/** The list of custom connectors and the ways to make one. */
import { Button, Field, Input, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { AddRegular, AppsAddInRegular, ArrowUploadRegular, GlobeRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { addressOf, api } from '../../api/client';
import { sessionQuery } from '../../api/session';
import type { Connector, ConnectorCheck, ConnectorListed } from '../../api/types';
import { Confirm, ConnectorIcon, Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { MorePages, moveBetweenRows, Search, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { blankDraft, draftOf, dropDraft, keepDraft, keptDraft, sortedFiles } from './draft';
import { Gallery } from './Gallery';
import { galleryText } from './gallery-text';
import { connectorsText } from './text';
import './connectors.css';

type Way = 'import' | 'url' | 'postman';

function ImportDialog({ way, user, onClose }: { way: Way; user: string; onClose: () => void }) {
  const t = useText(connectorsText);
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const [url, setUrl] = useState('');
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ConnectorCheck | null>(null);
  const open = (connector: Connector) => navigate({ to: '/connectors/$connector/$part', params: { connector: connector.id, part: 'general' } });
  const choose = async (list: FileList | null) => {
    const files = sortedFiles(list ? [...list] : []);
    setError(null);
    setRefused(null);
    if (!files.file) {
      if (list?.length) setError(new Error(t.noDocument));
      return;
    }
    try {
      const check = await api.post('/api/connectors/check', { form: { file: files.file, ...(files.properties ? { properties: files.properties } : {}) } });
      if (!check.valid) {
        setRefused(check);
        return;
      }
      const before = await keptDraft(user);
      if (before && !window.confirm(t.replaceDraft(before.settings.name ?? ''))) return;
      void keepDraft(user, draftOf(files, check));
      await navigate({ to: '/connectors/$connector/$part', params: { connector: 'new', part: 'general' } });
    } catch (problem) {
      setError(problem);
    }
  };
  const fetchFile = async () => {
    setBusy(true);
    setError(null);
    try {
      await open(await api.post('/api/connectors/from-url', { body: { url } }));
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const title = way === 'import' ? t.importOpenApi : way === 'url' ? t.importUrl : t.importPostman;
  return (
    <Modal
      open
      title={title}
      onClose={onClose}
      actions={
        way === 'url' && (
          <Button appearance="primary" disabled={!url || busy} onClick={() => void fetchFile()}>
            {t.importAction}
          </Button>
        )
      }
    >
      {way === 'url' ? (
        <Field label={t.url}><Input type="url" value={url} onChange={(_, data) => setUrl(data.value)} /></Field>
      ) : (
        <div
          className={over ? 'drop over' : 'drop'}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            void choose(event.dataTransfer.files);
          }}
        >
          <ArrowUploadRegular fontSize={32} aria-hidden />
          <p>{way === 'postman' ? t.dropPostman : t.dropHere}</p>
          <input
            type="file"
            aria-label={way === 'postman' ? t.choosePostman : t.chooseFile}
            multiple
            accept=".json,application/json,image/*"
            onChange={(event) => void choose(event.target.files)}
          />
        </div>
      )}
      {refused && (
        <MessageBar intent="error" layout="multiline" role="alert">
          <MessageBarBody>
            <MessageBarTitle>{t.notAConnector}</MessageBarTitle>
            <DiagnosticList diagnostics={refused.diagnostics} />
          </MessageBarBody>
        </MessageBar>
      )}
      <ProblemBar error={error} />
    </Modal>
  );
}

export function ConnectorsPage() {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  const g = useText(galleryText);
  const search = useSearch({ strict: false }) as { q?: string; create?: string };
  const navigate = useNavigate();
  const client = useQueryClient();
  const [way, setWay] = useState<Way | null>(search.create === 'import' ? 'import' : null);
  const [doomed, setDoomed] = useState<ConnectorListed | null>(null);
  const [isGallery, setIsGallery] = useState(search.create === 'gallery');
  const connectors = usePages(['connectors', 'list'], '/api/connectors', { q: search.q });
  const user = useQuery(sessionQuery).data?.user.id ?? '';
  const draft = useQuery({ queryKey: ['connector-draft', user], queryFn: () => keptDraft(user), enabled: user !== '', staleTime: 0, gcTime: 0 });
  const toDraft = () => void navigate({ to: '/connectors/$connector/$part', params: { connector: 'new', part: 'general' } });
  const blank = () => {
    const name = draft.data?.settings.name;
    if (draft.data && !window.confirm(t.replaceDraft(name ?? ''))) return;
    void keepDraft(user, blankDraft());
    void navigate({ to: '/connectors/$connector/$part', params: { connector: 'new', part: 'general' } });
  };
  const createMenu = (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="primary" icon={<AddRegular />}>{t.create}</Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem icon={<AppsAddInRegular />} onClick={() => setIsGallery(true)}>{g.open}</MenuItem>
          <MenuItem icon={<ArrowUploadRegular />} onClick={() => setWay('import')}>{t.importOpenApi}</MenuItem>
          <MenuItem icon={<GlobeRegular />} onClick={() => setWay('url')}>{t.importUrl}</MenuItem>
          <MenuItem icon={<ArrowUploadRegular />} onClick={() => setWay('postman')}>{t.importPostman}</MenuItem>
          <MenuItem icon={<AddRegular />} onClick={blank}>{t.blank}</MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
  const isEmpty = connectors.data?.length === 0 && !search.q;
  return (
    // An open menu would close where it moved into the empty page, so it waits for the list.
    <Page title={t.title} actions={isEmpty || connectors.isPending ? null : createMenu}>
      {draft.data && (
        <MessageBar intent="info" layout="multiline">
          <MessageBarBody><MessageBarTitle>{t.draftTitle(draft.data.settings.name ?? '')}</MessageBarTitle> {t.draftText}</MessageBarBody>
          <MessageBarActions>
            <Button onClick={toDraft}>{t.continueDraft}</Button>
            <Button onClick={() => void dropDraft(user).then(() => client.invalidateQueries({ queryKey: ['connector-draft'] }))}>{t.discardDraft}</Button>
          </MessageBarActions>
        </MessageBar>
      )}
      {!isEmpty && (
        <div className="row">
          <Search value={search.q ?? ''} onSearch={(q) => void navigate({ to: '/connectors', search: q ? { q } : {}, replace: true })} label={t.search} />
        </div>
      )}
      <Loaded query={connectors}>
        {(items) =>
          items.length === 0 ? (
            search.q ? <Empty title={t.nothingFound} /> : <Empty title={t.emptyTitle} icon={<AppsAddInRegular />} actions={createMenu}>{t.emptyText}</Empty>
          ) : (
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <table className="table">
                <thead>
                  <tr>
                    <th>{t.name}</th>
                    <th className="optional">{t.host}</th>
                    <th className="optional">{t.triggers}</th>
                    <th className="optional">{t.actions}</th>
                    <th className="optional">{t.connections}</th>
                    <th><span className="visually-hidden">{shared.more}</span></th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((item) => (
                    <tr key={item.id}>
                      <td>
                        <div className="name">
                          <ConnectorIcon url={item.icon_url} color={item.color} name={item.name} />
                          <Link to="/connectors/$connector/$part" params={{ connector: item.id, part: 'general' }} data-row>{item.name}</Link>
                        </div>
                      </td>
                      <td className="optional"><code>{item.host}</code></td>
                      <td className="optional">{item.triggers_count}</td>
                      <td className="optional">{item.actions_count}</td>
                      <td className="optional">{item.connections_count}</td>
                      <td className="actions">
                        <Button appearance="subtle" as="a" href={addressOf('/api/connectors/{id}/export', { id: item.id })} aria-label={`${t.export}: ${item.name}`}>{t.export}</Button>
                        <Button appearance="subtle" aria-label={`${shared.delete}: ${item.name}`} onClick={() => setDoomed(item)}>{shared.delete}</Button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <MorePages query={connectors} />
            </div>
          )
        }
      </Loaded>
      {isGallery && <Gallery onClose={() => setIsGallery(false)} />}
      {way && <ImportDialog way={way} user={user} onClose={() => setWay(null)} />}
      <Confirm
        open={doomed !== null}
        title={t.deleteTitle(doomed?.name ?? '')}
        action={shared.delete}
        onClose={() => setDoomed(null)}
        onConfirm={() => api.delete('/api/connectors/{id}', { path: { id: doomed?.id ?? '' } }).then(() => client.invalidateQueries({ queryKey: ['connectors'] }))}
      >
        <p>{t.deleteText}</p>
      </Confirm>
    </Page>
  );
}
