// plotly's own widget, made in two steps. anywidget waits two seconds for a widget to be ready and loses every later
// message to one that was not; reading and running plotly.js (5 MB) takes longer on a busy machine, and plotly does it
// anew for every figure. Here a figure is ready at once; plotly.js is read when it is first shown, once a page, and
// changes that arrive before are kept and made then.
const CHANGES = [
  "_py2js_addTraces", "_py2js_deleteTraces", "_py2js_moveTraces", "_py2js_restyle", "_py2js_relayout",
  "_py2js_update", "_py2js_animate", "_py2js_removeLayoutProps", "_py2js_removeTraceProps",
];
const bundles = (globalThis.curriculabPlotly ??= new Map()); // plotly.js as kernels of this page brought it

function read(source) {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return import(address).finally(() => URL.revokeObjectURL(address));
}

function bundleOf(model) {
  const version = model.get("_plotly_version");
  if (!bundles.has(version)) bundles.set(version, read(model.get("_plotly_source")));
  return bundles.get(version);
}

export default () => {
  const early = []; // [name, change] that arrived before plotly.js was there
  let own = null; // the model as `initialize` has it: what listens to it stays when a view is closed
  let started = null;
  let ready = false;

  async function start() {
    const figure = (await bundleOf(own)).default();
    ready = true;
    await figure.initialize({ model: own });
    for (const [name, change] of early) {
      own.set(name, change); // as if it arrived now
      own.set(name, null);
    }
    return figure;
  }

  return {
    initialize({ model }) {
      own = model;
      for (const name of CHANGES) {
        model.on(`change:${name}`, () => {
          const change = model.get(name);
          if (!ready && change !== null) early.push([name, change]);
        });
      }
    },
    async render({ model, el }) {
      started ??= start();
      return (await started).render({ model, el });
    },
  };
};
