import { registerPanel } from "./api/host";
import { Progress } from "./views/progress";
import { Review } from "./views/review";

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
