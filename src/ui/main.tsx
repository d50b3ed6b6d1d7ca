import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from '../client/lab.ts';
import './style/theme.css';
import './style/base.css';
import { App } from './App.tsx';
import { followBridgeLink } from './bridge/fragment.ts';

connect(new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module', name: 'lab' }));
followBridgeLink();
// A tab that is open already is followed to as well.
window.addEventListener('hashchange', followBridgeLink);

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
