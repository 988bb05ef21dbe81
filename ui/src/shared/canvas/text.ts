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
    zoom: 'Zoom', zoomIn: 'Zoom in', zoomOut: 'Zoom out', fit: 'Show the whole flow', map: 'Map of the flow',
  },
  {
    yes: 'Wenn ja', no: 'Wenn nein', case: 'Fall', default: 'Sonst', body: 'Aktionen',
    insert: 'Schritt einfügen vor',
    newStep: 'Neuer Schritt',
    editCase: 'Fall bearbeiten',
    taken: '✓ genommen',
    after: { Failed: 'nach Fehler', Skipped: 'wenn übersprungen', TimedOut: 'nach Zeitüberschreitung' },
    zoom: 'Zoom', zoomIn: 'Vergrößern', zoomOut: 'Verkleinern', fit: 'Ganzen Flow zeigen', map: 'Karte des Flows',
  },
);
