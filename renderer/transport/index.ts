export { type ConnectionState, readEvents } from './event-reader.ts';
export { HttpTransport } from './http.ts';
export type { EventPosition, Transport } from './transport.ts';
