import { registerPanel } from "./api/host";
import { registerReloadPhotos } from "./api/reload_photos";
import { registerUseColours } from "./api/use_colours";
import { Progress } from "./views/progress";
import { Review } from "./views/review";

registerReloadPhotos();
registerUseColours();

registerPanel({
    name: "densepose_review",
    label: "Review people",
    component: Review,
    activator: () => true,
    panelOptions: { surfaces: "grid modal", allowDuplicates: false, priority: 1 },
});

registerPanel({
    name: "densepose_progress",
    label: "Labelling progress",
    component: Progress,
    activator: () => true,
    panelOptions: { surfaces: "grid", allowDuplicates: false, priority: 1 },
});
