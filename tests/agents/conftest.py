"""Settings of the tests that compute with torch."""

import torch

torch.set_num_threads(1)  # on models this small a second thread costs more than it brings
