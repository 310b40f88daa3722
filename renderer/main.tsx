import './transport/jitless.ts';
import { mountStudio } from './app/index.ts';
import { HttpTransport } from './transport/index.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root element');
mountStudio(root, new HttpTransport());
