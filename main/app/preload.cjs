// The whole bridge between page and desktop: five questions and one announcement, no Electron object among them.
const { contextBridge, ipcRenderer } = require('electron');

contextBridge.exposeInMainWorld('liftscopeDesktop', {
  platform: process.platform,
  chooseFolder: (title) => ipcRenderer.invoke('desktop:choose-folder', title),
  chooseFile: (title, extensions) => ipcRenderer.invoke('desktop:choose-file', title, extensions),
  chooseSavePath: (title, suggestedName) => ipcRenderer.invoke('desktop:choose-save-path', title, suggestedName),
  showInFolder: (path) => ipcRenderer.invoke('desktop:show-in-folder', path),
  setMenu: (menu) => ipcRenderer.invoke('desktop:set-menu', menu),
  onCommand: (listener) => {
    const forward = (_event, command) => listener(String(command));
    ipcRenderer.on('desktop:command', forward);
    return () => ipcRenderer.removeListener('desktop:command', forward);
  },
});
