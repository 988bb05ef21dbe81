/** Small parts used on many pages: status, time, icon of a connector, dialogs, copying. */
import {
  Badge,
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Tooltip,
  type BadgeProps,
} from '@fluentui/react-components';
import { CopyRegular, PlugConnectedRegular } from '@fluentui/react-icons';
import { useEffect, useState, type CSSProperties, type ReactNode } from 'react';
import type { ActionStatus, RunStatus } from '../api/types';
import { useLanguage, useText } from './language';
import { ProblemBar } from './ProblemBar';
import { sharedText } from './text';
import { ago, exact } from './time';

/** Status → colour; words come from the text table. */
export const STATUS_COLORS: Record<RunStatus | ActionStatus, NonNullable<BadgeProps['color']>> = {
  Running: 'brand',
  Waiting: 'brand',
  Succeeded: 'success',
  Failed: 'danger',
  Cancelled: 'subtle',
  Skipped: 'subtle',
  TimedOut: 'danger',
  Faulted: 'danger',
  Pending: 'subtle',
};

export function Status({ status }: { status: RunStatus | ActionStatus }) {
  const t = useText(sharedText);
  return (
    <Badge appearance="tint" color={STATUS_COLORS[status] ?? 'subtle'} data-status={status}>
      {t.status[status] ?? status}
    </Badge>
  );
}

export function Ago({ time }: { time: string | null | undefined }) {
  const { language } = useLanguage();
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 20_000);
    return () => clearInterval(timer);
  }, []);
  if (!time) return <>–</>;
  return (
    <time dateTime={time} title={exact(time, language)}>
      {ago(time, language)}
    </time>
  );
}

/** Decoration beside a name, unless `label` says what it is. */
export function ConnectorIcon({ url, color, name, size = 32, label }: { url?: string | null | undefined; color?: string | null | undefined; name: string; size?: number; label?: string }) {
  const style = { '--size': `${size}px`, '--tile': color || '#2b5fc7' } as CSSProperties;
  return (
    <span className="connector-icon" style={style} {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}>
      {url ? <img src={url} alt="" /> : name ? <span>{name.slice(0, 1).toUpperCase()}</span> : <PlugConnectedRegular />}
    </span>
  );
}

/** The last results as bars, the newest at the right as in a chart, with words for those who cannot see them. `recent` is newest first. */
export function Sparkline({ recent }: { recent: RunStatus[] }) {
  const t = useText(sharedText);
  if (recent.length === 0) return null;
  const label = t.newestFirst(recent.map((status) => t.status[status] ?? status).join(', '));
  return (
    <span className="sparkline" role="img" aria-label={label}>
      {recent.slice(0, 20).reverse().map((status, index) => (
        <i key={index} data-status={status} />
      ))}
    </span>
  );
}

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const t = useText(sharedText);
  const [done, setDone] = useState(false);
  return (
    <Tooltip content={done ? t.copied : (label ?? t.copy)} relationship="label">
      <Button
        size="small"
        appearance="subtle"
        icon={<CopyRegular />}
        onClick={() => {
          void navigator.clipboard?.writeText(text).then(() => {
            setDone(true);
            setTimeout(() => setDone(false), 1500);
          });
        }}
      />
    </Tooltip>
  );
}

/** A question before something that cannot be undone. `onConfirm` may fail; the dialog then says why and stays. */
export function Confirm({
  open,
  title,
  children,
  action,
  onConfirm,
  onClose,
}: {
  open: boolean;
  title: string;
  children?: ReactNode;
  action: string;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}) {
  const t = useText(sharedText);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const close = () => {
    setError(null);
    onClose();
  };
  return (
    <Dialog open={open} onOpenChange={(_, data) => !data.open && close()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent>
            {children}
            <ProblemBar error={error} />
          </DialogContent>
          <DialogActions>
            <Button onClick={close}>{t.cancel}</Button>
            <Button
              appearance="primary"
              disabled={busy}
              onClick={() => {
                setBusy(true);
                setError(null);
                onConfirm()
                  .then(close, setError)
                  .finally(() => setBusy(false));
              }}
            >
              {action}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

/**
 * A dialog with content and its own buttons. `textOnly`: nothing in the content takes the focus, so the content itself
 * does; otherwise a long text could not be scrolled by keys. `isShown`: it shows something, and its buttons are what can be
 * done with that, so it is closed and not cancelled.
 */
export function Modal({ open, title, children, actions, onClose, wide, textOnly, isShown }: { open: boolean; title: string; children: ReactNode; actions?: ReactNode; onClose: () => void; wide?: boolean; textOnly?: boolean; isShown?: boolean }) {
  const t = useText(sharedText);
  return (
    <Dialog open={open} onOpenChange={(_, data) => !data.open && onClose()}>
      <DialogSurface className={wide ? 'wide-dialog' : ''}>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent className="stack" tabIndex={textOnly ? 0 : undefined}>{children}</DialogContent>
          <DialogActions>
            <Button onClick={onClose}>{actions && !isShown ? t.cancel : t.close}</Button>
            {actions}
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

export function saveFile(name: string, text: string, type = 'application/json'): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
