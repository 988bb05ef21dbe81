/** Texts on the canvas. */
import { defineText } from '../language';

export const canvasText = defineText(
  {
    yes: 'If yes', no: 'If no', case: 'Case', default: 'Default', body: 'Actions',
    insert: 'Insert a step before',
    newStep: 'New step',
    editCase: 'Edit the case',
    taken: '✓ taken',
    after: { Failed: 'after a failure', Skipped: 'when skipped', TimedOut: 'after a timeout' } as Record<string, string>,
    fold: (name: string) => `Collapse ${name}`,
    unfold: (name: string, n: number) => `Expand ${name}: ${n === 1 ? '1 step' : `${n} steps`} inside`,
    foldAll: 'Collapse all containers', unfoldAll: 'Expand all containers',
    zoom: 'Zoom', zoomIn: 'Zoom in', zoomOut: 'Zoom out', fit: 'Show the whole flow', map: 'Map of the flow', line: 'Connecting line',
  },
  {
    yes: 'Wenn ja', no: 'Wenn nein', case: 'Fall', default: 'Sonst', body: 'Aktionen',
    insert: 'Schritt einfügen vor',
    newStep: 'Neuer Schritt',
    editCase: 'Fall bearbeiten',
    taken: '✓ genommen',
    after: { Failed: 'nach Fehler', Skipped: 'wenn übersprungen', TimedOut: 'nach Zeitüberschreitung' },
    fold: (name: string) => `${name} zuklappen`,
    unfold: (name: string, n: number) => `${name} aufklappen: ${n === 1 ? '1 Schritt' : `${n} Schritte`} darin`,
    foldAll: 'Alle Container zuklappen', unfoldAll: 'Alle Container aufklappen',
    zoom: 'Zoom', zoomIn: 'Vergrößern', zoomOut: 'Verkleinern', fit: 'Ganzen Flow zeigen', map: 'Karte des Flows', line: 'Verbindungslinie',
  },
);
