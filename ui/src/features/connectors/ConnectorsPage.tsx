/** The list of custom connectors and the ways to make one. */
import { Button, Field, Input, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import { AddRegular, AppsAddInRegular, ArrowUploadRegular, GlobeRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { addressOf, api } from '../../api/client';
import type { Connector, ConnectorListed } from '../../api/types';
import { Confirm, ConnectorIcon, Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { MorePages, moveBetweenRows, Search, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { blankDraft, draftOf, keepDraft } from './draft';
import { connectorsText } from './text';
import './connectors.css';

type Way = 'import' | 'url' | 'postman';

function ImportDialog({ way, onClose }: { way: Way; onClose: () => void }) {
  const t = useText(connectorsText);
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const [url, setUrl] = useState('');
  const [over, setOver] = useState(false);
  const open = (connector: Connector) => navigate({ to: '/connectors/$connector/$part', params: { connector: connector.id, part: 'general' } });
  const choose = async (file: File | undefined) => {
    if (!file) return;
    setError(null);
    try {
      const check = await api.post('/api/connectors/check', { form: { file } });
      keepDraft(draftOf(file, check));
      await navigate({ to: '/connectors/$connector/$part', params: { connector: 'new', part: 'general' } });
    } catch (problem) {
      setError(problem);
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
          <Button appearance="primary" disabled={!url} onClick={() => void api.post('/api/connectors/from-url', { body: { url } }).then(open).catch(setError)}>
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
            void choose(event.dataTransfer.files[0]);
          }}
        >
          <ArrowUploadRegular fontSize={32} aria-hidden />
          <p>{way === 'postman' ? t.dropPostman : t.dropHere}</p>
          <input
            type="file"
            aria-label={way === 'postman' ? t.choosePostman : t.chooseFile}
            accept=".json,.yaml,.yml,application/json"
            onChange={(event) => void choose(event.target.files?.[0])}
          />
        </div>
      )}
      <ProblemBar error={error} />
    </Modal>
  );
}

export function ConnectorsPage() {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  const search = useSearch({ strict: false }) as { q?: string; create?: string };
  const navigate = useNavigate();
  const client = useQueryClient();
  const [way, setWay] = useState<Way | null>(search.create === 'import' ? 'import' : null);
  const [doomed, setDoomed] = useState<ConnectorListed | null>(null);
  const [error, setError] = useState<unknown>(null);
  const connectors = usePages(['connectors', 'list'], '/api/connectors', { q: search.q });
  const blank = () => {
    keepDraft(blankDraft());
    void navigate({ to: '/connectors/$connector/$part', params: { connector: 'new', part: 'general' } });
  };
  const prebuilt = useQuery({ queryKey: ['prebuilt-connectors'], queryFn: ({ signal }) => api.get('/api/prebuilt-connectors', { signal }), staleTime: Infinity });
  const addPrebuilt = (id: string) => {
    setError(null);
    api
      .post('/api/connectors', { body: { prebuilt: id } })
      .then((made) => {
        void client.invalidateQueries({ queryKey: ['connectors'] });
        return navigate({ to: '/connectors/$connector/$part', params: { connector: made.id, part: 'general' } });
      })
      .catch(setError);
  };
  const createMenu = (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="primary" icon={<AddRegular />}>{t.create}</Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem icon={<ArrowUploadRegular />} onClick={() => setWay('import')}>{t.importOpenApi}</MenuItem>
          <MenuItem icon={<GlobeRegular />} onClick={() => setWay('url')}>{t.importUrl}</MenuItem>
          <MenuItem icon={<ArrowUploadRegular />} onClick={() => setWay('postman')}>{t.importPostman}</MenuItem>
          <MenuItem icon={<AddRegular />} onClick={blank}>{t.blank}</MenuItem>
          {prebuilt.data?.items.map((item) => (
            <MenuItem key={item.id} icon={<ConnectorIcon url={null} color={item.color} name={item.name} size={20} />} onClick={() => addPrebuilt(item.id)}>{t.addPrebuilt(item.name)}</MenuItem>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
  const isEmpty = connectors.data?.length === 0 && !search.q;
  return (
    <Page title={t.title} actions={isEmpty ? null : createMenu}>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
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
      {way && <ImportDialog way={way} onClose={() => setWay(null)} />}
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
