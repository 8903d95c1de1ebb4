// Not a module, so that it runs before the first paint and a chosen theme does not flash.
document.documentElement.dataset.theme = localStorage.getItem('headwater.theme') ?? 'auto';
