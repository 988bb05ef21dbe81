/** The edge between a canvas and the panel beside it: dragged, or moved by arrow keys, it makes the panel wider or narrower. */
import { useRef, useState, type CSSProperties, type KeyboardEvent, type PointerEvent } from 'react';
import { useText } from './language';
import { sharedText } from './text';

/** Whoever wants room keeps it, in this browser. */
const KEY = 'hookmill-panel-width';
const USUAL = 420;
const NARROWEST = 320;
/** So much stays for the canvas and the navigation. */
const BESIDE = 420;
const KEY_STEP = 24;

const widest = () => Math.max(NARROWEST, window.innerWidth - BESIDE);
const within = (width: number) => Math.round(Math.min(widest(), Math.max(NARROWEST, width)));

/** The width of the panel, as the style that its container has. */
export function usePanelWidth(): { width: number; setWidth: (width: number) => void; style: CSSProperties } {
  const [width, setWidth] = useState(() => within(Number(window.localStorage.getItem(KEY)) || USUAL));
  const keep = (next: number) => {
    setWidth(within(next));
    window.localStorage.setItem(KEY, String(within(next)));
  };
  return { width, setWidth: keep, style: { '--panel-width': `${width}px` } as CSSProperties };
}

export function PanelEdge({ width, onWidth }: { width: number; onWidth: (width: number) => void }) {
  const t = useText(sharedText);
  const from = useRef<{ x: number; width: number } | null>(null);
  const keys = (event: KeyboardEvent) => {
    const to = { ArrowLeft: width + KEY_STEP, ArrowRight: width - KEY_STEP, Home: NARROWEST, End: widest(), Enter: USUAL }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    onWidth(to);
  };
  const begin = (event: PointerEvent<HTMLElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = { x: event.clientX, width };
  };
  const move = (event: PointerEvent) => {
    if (from.current) onWidth(from.current.width + from.current.x - event.clientX);
  };
  return (
    <div
      className="panel-edge"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={t.panelEdge}
      title={t.panelEdgeHint}
      aria-valuenow={width}
      aria-valuemin={NARROWEST}
      aria-valuemax={widest()}
      onKeyDown={keys}
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={() => (from.current = null)}
      onPointerCancel={() => (from.current = null)}
      onDoubleClick={() => onWidth(USUAL)}
    />
  );
}
