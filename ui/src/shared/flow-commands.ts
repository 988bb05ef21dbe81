/** What can be done with a flow from its list entry and its page. */
import { api } from '../api/client';
import type { Flow, FlowBody, FlowState, Json } from '../api/types';

export const turn = (id: string, state: Exclude<FlowState, 'draft'>): Promise<Flow> => api.post(`/api/flows/{id}/${state}`, { path: { id } });
export const retryWebhook = (id: string): Promise<Flow> => api.post('/api/flows/{id}/retry-webhook', { path: { id } });
export const renewAddress = (id: string): Promise<Flow> => api.post('/api/flows/{id}/renew-address', { path: { id } });
export const duplicate = (id: string): Promise<Flow> => api.post('/api/flows/{id}/duplicate', { path: { id } });
export const deleteFlow = (id: string): Promise<undefined> => api.delete('/api/flows/{id}', { path: { id } });
export const runFlow = (id: string, body: Json): Promise<{ run: string }> => api.post('/api/flows/{id}/run', { path: { id }, body: { body } });
export const tag = (id: string, tags: string[]): Promise<{ tags: string[] }> => api.put('/api/flows/{id}/tags', { path: { id }, body: { tags } });
export const getFlow = (id: string, signal?: AbortSignal): Promise<Flow> => api.get('/api/flows/{id}', { path: { id }, signal });
export const saveFlow = (id: string, body: FlowBody, etag: string | undefined): Promise<Flow> => api.put('/api/flows/{id}', { path: { id }, body, etag });
/** A flow that was imported, or taken from a template, waits here until the designer picks it up; nothing is stored at the server before saving. */
export const IMPORTED_KEY = 'hookmill-imported-flow';
